#include <csignal>
#include <filesystem>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;

class SampleCommand : public TrainedCommandTest {
 protected:
  CommandResult sample(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"sample", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }
};

TEST_F(SampleCommand, TakesTheNewestRunAndNamesIt) {
  const auto result = ddpm({"sample", "-n", "2", "--steps", "3", "--guidance", "3.0"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("runs/tiny/checkpoints/step-000006"), std::string::npos);
  ASSERT_TRUE(result.out.starts_with("runs/tiny/samples/")) << result.out;
  EXPECT_TRUE(exists(result.out.substr(0, result.out.size() - 1)));
}

TEST_F(SampleCommand, JsonTellsHowTheImagesWereDrawn) {
  const auto result = sample({"--json", "-n", "2", "--out", "g.png", "--class", "dog", "--seed",
                              "7", "--guidance", "2", "--sampler", "euler", "--device", "cpu"});
  EXPECT_EQ(result.err, "");
  auto object = json::parse(result.out);
  EXPECT_GT(object.at("seconds"), 0.0);
  object.erase("seconds");
  EXPECT_EQ(object, json::parse(R"({
    "out": "g.png", "images": 2, "checkpoint": "runs/tiny/checkpoints/step-000006",
    "sampler": "euler", "steps": 3, "network_calls": 3, "guidance": 2.0, "seed": 7,
    "labels": [1, 1], "device": "cpu", "precision": "float32"})"));
}

TEST_F(SampleCommand, FlagsOfGpusChangeNothingOnTheCpu) {
  const auto draws = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words{"-n", "2", "--device", "cpu", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(sample(words).exit_code, 0);
    return read_file(dir_.path() / out);
  };
  EXPECT_TRUE(draws("a.npy", {}) == draws("b.npy", {"--no-cuda-graph", "--cudnn-autotune"}));
}

TEST_F(SampleCommand, WrongWordsAreUsageErrors) {
  expect_error(sample({"--class", "horse"}), 2, "--class 'horse': expected");
  expect_error(sample({"--seed", "-1"}), 2, "--seed");
  expect_error(sample({"--sampler", "magic"}), 2, "ddim");
  expect_error(sample({"--precision", "double"}), 2, "--precision");
}

TEST_F(SampleCommand, DataAndCheckpointsHaveTheirOwnExitCodes) {
  expect_error(sample({"--noise", "none.npy"}), 3, "none.npy");
  expect_error(sample({"--guide-with", "nowhere", "--guidance", "2"}), 4, "nowhere");
  expect_error(sample({"--classifier", "runs/tiny"}), 4, "holds a denoising model");
  std::filesystem::remove_all(dir_.path() / "runs");
  expect_error(sample({}), 4, "ddpm train");
}

TEST_F(SampleCommand, ASignalKeepsTheImagesDoneSoFar) {
  BackgroundCommand command(
      {"sample", "-n", "100000", "--batch-size", "1", "--steps", "50", "--out", "many"},
      dir_.path());
  ASSERT_TRUE(command.wait_until([&] { return exists("many/000001.png"); }));
  command.send(SIGINT);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_EQ(load_image(dir_.path() / "many/000000.png").width, 8);
}

}  // namespace
}  // namespace ddpm
