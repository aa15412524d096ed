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

TEST_F(ClassifierCommands, GuidesByItsScaleAndNotAtAllAtZero) {
  const auto sample = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words{"sample",  "-q", "-n",      "2",   "--checkpoint", "runs/tiny",
                                   "--steps", "3",  "--class", "dog", "--out",        out};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = ddpm(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return read_file(dir_.path() / out);
  };
  const auto plain = sample("plain.npy", {});
  const auto off = sample("off.npy", {"--classifier", "runs/judge", "--classifier-scale", "0"});
  const auto on = sample("on.npy", {"--classifier", "runs/judge", "--classifier-scale", "20"});
  EXPECT_TRUE(off == plain);
  EXPECT_FALSE(on == plain);
}

TEST_F(ClassifierCommands, TellsAnUnconditionalModelItsClasses) {
  ASSERT_EQ(train({"-q", "--model.class_conditional", "false", "--run", "runs/plain"}).exit_code,
            0);
  const auto result =
      ddpm({"sample", "-q", "-n", "4", "--checkpoint", "runs/plain", "--steps", "3", "--class",
            "dog", "--classifier", "runs/judge", "--out", "guided.npy", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto report = json::parse(result.out);
  EXPECT_EQ(report.at("labels"), (std::vector<int>{1, 1, 1, 1}));
  EXPECT_EQ(report.at("classifier_scale"), 1.0);
}

TEST_F(ClassifierCommands, OnlyAClassifierThatFitsGuides) {
  expect_error(ddpm({"sample", "-q", "--checkpoint", "runs/tiny", "--classifier", "runs/tiny"}), 4,
               "holds a denoising model");
  ASSERT_EQ(
      train({"-q", "--train.task", "classifier", "--data.channels", "3", "--run", "runs/colour"})
          .exit_code,
      0);
  expect_error(ddpm({"sample", "-q", "--checkpoint", "runs/tiny", "--classifier", "runs/colour"}),
               2, "takes images of 3 channels");
}

TEST_F(ClassifierCommands, ALearnedVarianceIsSampledAsLearned) {
  ASSERT_EQ(train({"-q", "--diffusion.variance", "learned_range", "--train.loss", "hybrid", "--run",
                   "runs/learned"})
                .exit_code,
            0);
  const auto folder = dir_.path() / "runs/learned/checkpoints/last";
  EXPECT_EQ(json::parse(read_file(folder / "unet/config.json")).at("out_channels"), 2);
  EXPECT_EQ(json::parse(read_file(folder / "scheduler/scheduler_config.json")).at("variance_type"),
            "learned_range");
  const auto result = ddpm({"sample", "-q", "-n", "2", "--checkpoint", "runs/learned", "--sampler",
                            "ddpm", "--steps", "5", "--out", "learned.npy"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ClassifierCommands, EveryProcessTrainsAndIsSampledAsItWasTrained) {
  for (const std::string process : {"edm", "flow"}) {
    const auto run = "runs/" + process;
    ASSERT_EQ(train({"-q", "--diffusion.process", process, "--run", run}).exit_code, 0);
    const auto result = ddpm({"sample", "-q", "-n", "2", "--checkpoint", run, "--steps", "4",
                              "--out", process + ".npy"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
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
