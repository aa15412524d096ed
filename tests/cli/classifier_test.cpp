#include <filesystem>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;

/// A folder in which a classifier was trained after a denoising model.
class ClassifierCommands : public CommandTest {
 protected:
  ClassifierCommands() {
    EXPECT_EQ(train({"-q"}).exit_code, 0);
    trained_ = train({"--train.task", "classifier", "--run", "runs/judge", "--json"});
  }

  CommandResult trained_;
};

TEST_F(ClassifierCommands, TrainsResumesAndNotesTheAccuracy) {
  EXPECT_EQ(trained_.exit_code, 0) << trained_.err;
  EXPECT_EQ(json::parse(trained_.out).at("end"), "finished");
  EXPECT_NE(trained_.err.find("no test split"), std::string::npos);
  EXPECT_TRUE(exists("runs/judge/checkpoints/step-000006/classifier/model.safetensors"));
  EXPECT_FALSE(exists("runs/judge/checkpoints/step-000006/unet"));
  const auto more = ddpm({"train", "--run", "runs/judge", "--resume", "--train.steps", "8"});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  const auto lines = read_file(dir_.path() / "runs/judge/metrics.jsonl");
  const auto last = json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1));
  EXPECT_EQ(last.at("step"), 8);
  EXPECT_GE(last.at("accuracy").get<double>(), 0.0);
  EXPECT_LE(last.at("accuracy").get<double>(), 1.0);
}

TEST_F(ClassifierCommands, TestImagesTellTheAccuracyAtTheEnd) {
  for (const char* split : {"train", "test"})
    for (int i = 0; i < 6; ++i)
      write_image("split/" + std::string(split) + (i % 2 == 0 ? "/cat/" : "/dog/") +
                      std::to_string(i) + ".png",
                  static_cast<uint8_t>(40 * i));
  const auto result = train(
      {"--data.root", "split", "--train.task", "classifier", "--run", "runs/split", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const double accuracy = json::parse(result.out).at("test_accuracy");
  EXPECT_TRUE(accuracy >= 0 && accuracy <= 1) << accuracy;
  EXPECT_NE(result.err.find("on 6 clean images"), std::string::npos) << result.err;
}

TEST_F(ClassifierCommands, SampleTakesTheNewestDenoiserAndSaysWhatAClassifierIs) {
  const auto newest = ddpm({"sample", "-n", "1"});
  EXPECT_EQ(newest.exit_code, 0) << newest.err;
  EXPECT_NE(newest.err.find("runs/tiny"), std::string::npos) << newest.err;
  expect_error(ddpm({"sample", "-q", "--checkpoint", "runs/judge"}), 4, "holds a classifier");
}

TEST_F(ClassifierCommands, SettingsOfADenoiserAreRefused) {
  expect_error(train({"--train.task", "classifier", "--run", "runs/x", "--train.loss_type", "l1"}),
               2, "train.loss_type");
  expect_error(train({"--train.task", "classifier", "--run", "runs/x", "--train.timestep_sampler",
                      "loss_second_moment"}),
               2, "train.timestep_sampler");
}

}  // namespace
}  // namespace ddpm
