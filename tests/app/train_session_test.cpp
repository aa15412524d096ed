#include "ddpm/app/train_session.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TrainTest : public AppTest {
 protected:
  static std::vector<json> metrics(const std::string& run) {
    std::vector<json> objects;
    std::ifstream lines(run + "/metrics.jsonl");
    for (std::string line; std::getline(lines, line);)
      objects.push_back(json::parse(line));
    return objects;
  }
};

TEST_F(TrainTest, LeavesARun) {
  const auto result = train(training());
  EXPECT_EQ(result.end, RunEnd::kFinished);
  EXPECT_EQ(result.step, 6);
  EXPECT_EQ(result.checkpoint, "runs/tiny/checkpoints/last");
  for (const char* name : {"config.yaml", "log.txt", "metrics.jsonl", "samples/step-000006.png",
                           "checkpoints/last/model_index.json", "checkpoints/last/unet/config.json",
                           "checkpoints/last/training/state.json"})
    EXPECT_TRUE(exists(std::string("runs/tiny/") + name)) << name;
  EXPECT_EQ(fs::read_symlink("runs/last"), "tiny");
}

TEST_F(TrainTest, MetricsHaveTheFieldsThatScriptsReadOn) {
  train(training());
  const auto lines = metrics("runs/tiny");
  ASSERT_EQ(lines.size(), 3U);
  for (size_t i = 0; i < lines.size(); ++i) {
    for (const char* key :
         {"step", "images", "loss", "grad_norm", "lr", "images_per_second", "seconds"})
      EXPECT_TRUE(lines[i].contains(key)) << key;
    EXPECT_EQ(lines[i].at("step"), 2 * (i + 1));
  }
}

TEST_F(TrainTest, GoesFurtherThanItsSettingsSaidAtFirst) {
  train(training());
  const auto further = train(resuming({{"train.steps", "8"}, {"train.save_every", "1"}}));
  EXPECT_EQ(further.step, 8);
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000007"));
  TrainRequest again;  // by the run alone
  again.run = "runs/tiny";
  again.resume = true;
  EXPECT_EQ(train(again).step, 8);
}

TEST_F(TrainTest, ResumeOfNothingStartsAndOfAFinishedRunEnds) {
  EXPECT_EQ(train(resuming()).step, 6);
  const auto state = read_file("runs/tiny/checkpoints/last/training/state.json");
  EXPECT_EQ(train(resuming()).end, RunEnd::kFinished);
  EXPECT_EQ(read_file("runs/tiny/checkpoints/last/training/state.json"), state);
}

TEST_F(TrainTest, ItsTimeEndsARunWithACheckpoint) {
  auto request = training("runs/tiny", {{"train.steps", "1000000"}});
  request.max_minutes = 0.3 / 60;
  const auto result = train(request);
  EXPECT_EQ(result.end, RunEnd::kTimeUp);
  EXPECT_LT(result.step, 1000000);
  EXPECT_TRUE(exists("runs/tiny/checkpoints/last/training/state.json"));
}

TEST_F(TrainTest, AStopEndsARunWithACheckpoint) {
  StopSource stop;
  auto request = training("runs/tiny", {{"train.steps", "1000000"}});
  request.runtime.stop = stop.token();
  const auto result = train(request, [&] { stop.request(); });
  EXPECT_EQ(result.end, RunEnd::kStopped);
  EXPECT_EQ(result.step, 1);
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000001/training/state.json"));
}

TEST_F(TrainTest, DivergenceIsItsOwnError) {
  const auto request = training("runs/tiny", {{"train.lr", "1e30"},
                                              {"train.steps", "400"},
                                              {"train.max_grad_norm", "0"},
                                              {"train.warmup_steps", "0"}});
  expect_error<DivergedError>([&] { train(request); }, "train.lr");
}

TEST_F(TrainTest, ProfilesWithoutARun) {
  const auto found = profile(training(), 2);
  EXPECT_GT(found.seconds, 0.0);
  EXPECT_FALSE(found.operators.empty());
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainTest, EveryProcessTrainsAndIsSampledAsItWasTrained) {
  for (const std::string process : {"edm", "flow"}) {
    SampleRequest request;
    request.checkpoint = "runs/" + process;
    train(training(request.checkpoint, {{"diffusion.process", process}}));
    put(request.settings, {{"sample.steps", "4"}});
    request.count = 2;
    request.out = process + ".npy";
    EXPECT_EQ(sample(request).done, 2) << process;
  }
}

TEST_F(TrainTest, ALearnedVarianceIsSampledAsLearned) {
  train(training("runs/tiny", {{"diffusion.variance", "learned_range"}, {"train.loss", "hybrid"}}));
  const std::string folder = "runs/tiny/checkpoints/last/";
  EXPECT_EQ(json::parse(read_file(folder + "unet/config.json")).at("out_channels"), 2);
  EXPECT_EQ(json::parse(read_file(folder + "scheduler/scheduler_config.json")).at("variance_type"),
            "learned_range");
  SampleRequest request;
  put(request.settings, {{"sample.sampler", "ddpm"}, {"sample.steps", "5"}});
  request.count = 2;
  request.out = "learned.npy";
  EXPECT_EQ(sample(request).done, 2);
}

/// Evaluations in training.
class TrainingScores : public EvalTest {};

TEST_F(TrainingScores, AreNotedAndKeepTheBest) {
  train(training("runs/scored", {{"train.eval_every", "2"},
                                 {"train.eval_images", "8"},
                                 {"train.save_every", "0"},
                                 {"train.keep_last", "1"}}));
  EXPECT_TRUE(exists("runs/scored/checkpoints/best/unet/config.json"));
  const auto lines = read_file("runs/scored/metrics.jsonl");
  const auto first = json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_GE(first.at("fd").get<double>(), 0.0);
  EXPECT_TRUE(first.contains("kid"));
  auto request = scoring({Metric::kFrechet});
  request.checkpoint = "runs/scored/checkpoints/best";
  EXPECT_TRUE(scores(request).contains("fd"));
}

}  // namespace
}  // namespace ddpm
