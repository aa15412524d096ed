#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

class EditCommand : public TrainedCommandTest {
 protected:
  EditCommand() {
    write_image("a.png", 90);
    write_image("half.png", 255);
  }

  CommandResult sample(const Words& more) const {
    Words words{"sample", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// The JSON object of an edit of images of the class cat.
  json edited(Words words) const {
    words.insert(words.end(), {"--class", "cat", "--json"});
    const auto result = sample(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
};

TEST_F(EditCommand, FlagsSayWhatIsDone) {
  const auto row = edited({"--interpolate", "3,17", "--frames", "4"});
  EXPECT_EQ(row.at("edit"), "interpolate");
  EXPECT_EQ(row.at("images"), 4);
  const auto open = edited({"--inpaint", "a.png", "--mask", "half.png", "--steps", "6",
                            "--jump-length", "2", "--jump-samples", "2"});
  EXPECT_EQ(open.at("edit"), "inpaint");
  EXPECT_EQ(open.at("network_calls"), 10);
  const auto init =
      edited({"--init", "a.png", "--strength", "0.5", "--repeats", "2", "--steps", "6", "--fit"});
  EXPECT_EQ(init.at("edit"), "init");
  EXPECT_EQ(init.at("network_calls"), 6);
  const auto strip = edited({"--strip", "4", "-n", "3"});
  EXPECT_EQ(strip.at("edit"), "strip");
  EXPECT_EQ(strip.at("images"), 3);
}

TEST_F(EditCommand, JsonTellsHowFarReconstructionsAreOff) {
  const auto fast = edited({"--invert", "a.png", "--inversion", "ddim", "--steps", "10"});
  EXPECT_EQ(fast.at("edit"), "invert");
  EXPECT_EQ(fast.at("network_calls"), 20);
  EXPECT_GT(fast.at("mse"), 0.0);
  EXPECT_GT(fast.at("psnr"), 0.0);
}

TEST_F(EditCommand, FlagsThatMakeNoSenseTogetherAreRefusedBeforeAnything) {
  const auto refused = [&](Words words, const std::string& text) {
    words.insert(words.end(), {"--checkpoint", "nowhere"});  // would be 4 if it were looked for
    expect_error(sample(words), 2, text);
  };
  refused({"--init", "a.png", "--invert", "a.png"}, "--invert and --init");
  refused({"--inpaint", "a.png"}, "--mask");
  refused({"--invert", "a.png", "--mask", "half.png"}, "--mask belongs to --inpaint or --init");
  refused({"--init", "a.png", "--noise", "x.npy"}, "--noise and --init");
  refused({"--interpolate", "1,2", "--frames", "3", "-n", "3"}, "--frames");
  refused({"--invert", "a.png", "--out", "x.npz"}, "NAME.npy");
}

TEST_F(EditCommand, FlagsOfAnotherEditAreRefused) {
  for (const auto& words : std::vector<Words>{
           {"--strength", "0.5"}, {"--jump-length", "3"}, {"--fit"}, {"--frames", "3"}})
    expect_error(sample(words), 2, words.front() + " belongs to ");
}

TEST_F(EditCommand, WrongValuesOfItsFlagsAreRefused) {
  expect_error(sample({"--init", "a.png", "--strength", "1.5"}), 2, "--strength");
  expect_error(sample({"--invert", "a.png", "--inversion", "magic"}), 2, "fixed-point");
  expect_error(sample({"--interpolate", "1,2", "--inversion", "ddim"}), 2, "two seeds");
  expect_error(sample({"--invert", "a.png", "-n", "2"}), 2, "-n 2: --invert a.png holds only 1");
}

}  // namespace
}  // namespace ddpm
