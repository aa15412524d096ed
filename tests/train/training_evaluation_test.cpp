#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "tests/support/runs.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// Evaluations in training whose numbers are given: `values` one after another.
class TrainingEvaluation : public testing::Test {
 protected:
  TrainingEvaluation() {
    config_ = tiny_config();
    config_.train.steps = 20;
    config_.train.save_every = 0;
    config_.train.eval_every = 5;
  }

  void train(const fs::path& run, const std::vector<double>& values) {
    at::set_num_threads(1);
    const NoiseDataset dataset(30);
    RunDirectory(run).create();
    Trainer trainer(complete_config(config_, dataset.info()), dataset, run, torch::kCPU,
                    RunDirectory(run).newest_checkpoint());
    size_t next = 0;
    trainer.evaluate_with([&](Generator& generator) -> std::optional<Scores> {
      generator.generate({.seeds = {0, 1}, .labels = {0, 1}, .initial_noise = {}});
      return Scores{{"fd", values.at(next++)}};
    });
    trainer.run();
    EXPECT_EQ(next, values.size());
  }

  /// Values of "fd" in metrics.jsonl, by step.
  static std::map<int64_t, double> scores(const fs::path& run) {
    std::map<int64_t, double> found;
    std::ifstream file(RunDirectory(run).metrics_file());
    for (std::string line; std::getline(file, line);) {
      const auto object = nlohmann::json::parse(line);
      if (object.contains("fd")) found[object.at("step")] = object.at("fd");
    }
    return found;
  }

  TempDir dir_;
  Config config_;
};

TEST_F(TrainingEvaluation, TheBestCheckpointStaysAndIsLinked) {
  config_.train.keep_last = 1;
  const auto run = dir_.path() / "run";
  train(run, {9.0, 2.0, 3.0, 4.0});
  EXPECT_EQ(fs::read_symlink(RunDirectory(run).best_link()).string(), "step-000010");
  EXPECT_EQ(RunDirectory(run).checkpoint_steps(), (std::vector<int64_t>{10, 20}));
  EXPECT_EQ(scores(run), (std::map<int64_t, double>{{5, 9.0}, {10, 2.0}, {15, 3.0}, {20, 4.0}}));
}

TEST_F(TrainingEvaluation, ChangesNoBitAndSurvivesAResume) {
  const auto half = dir_.path() / "half";
  config_.train.steps = 10;
  config_.train.lr_schedule = LrSchedule::kConstant;
  train(half, {4.0, 3.0});
  config_.train.steps = 20;
  train(half, {5.0, 6.0});  // worse than before the stop
  EXPECT_EQ(fs::read_symlink(RunDirectory(half).best_link()).string(), "step-000010");
  EXPECT_EQ(load_training_state(RunDirectory(half).checkpoint(20)).best_score, 3.0);
  config_.train.eval_every = 0;
  const auto plain = dir_.path() / "plain";
  train(plain, {});
  expect_same_bits(RunDirectory(half).checkpoint(20), RunDirectory(plain).checkpoint(20));
}

TEST_F(TrainingEvaluation, AResumePutsTheLinkRight) {
  const auto run = dir_.path() / "run";
  const auto link = RunDirectory(run).best_link();
  config_.train.steps = 10;
  config_.train.lr_schedule = LrSchedule::kConstant;
  train(run, {4.0, 3.0});
  fs::remove(link);
  fs::create_symlink("step-000005", link);  // as a crash leaves it
  config_.train.steps = 15;
  train(run, {5.0});
  EXPECT_EQ(fs::read_symlink(link).string(), "step-000010");
}

TEST_F(TrainingEvaluation, IsMadeAtTheEndToo) {
  config_.train.steps = 8;
  const auto run = dir_.path() / "run";
  train(run, {2.0, 1.0});
  EXPECT_EQ(scores(run), (std::map<int64_t, double>{{5, 2.0}, {8, 1.0}}));
  EXPECT_EQ(fs::read_symlink(RunDirectory(run).best_link()).string(), "step-000008");
}

}  // namespace
}  // namespace ddpm
