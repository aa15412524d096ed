#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/util/stop.h"
#include "tests/support/expect_error.h"
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

  /// NaN stands for a stop in the middle of that evaluation, infinity for an error.
  RunEnd train(const fs::path& run, const std::vector<double>& values) {
    at::set_num_threads(1);
    const NoiseData dataset(30);
    RunFolder folder{RunDirectory(run)};
    folder.directory().create();
    Trainer trainer(complete_config(config_, dataset), dataset, folder,
                    {.checkpoint = folder.directory().newest_checkpoint()});
    size_t next = 0;
    trainer.evaluate_with([&](Generator& generator) -> std::optional<Scores> {
      generator.generate({.seeds = {0, 1}, .labels = {0, 1}, .initial_noise = {}});
      const double value = values.at(next++);
      if (std::isfinite(value)) return Scores{{"fd", value}};
      if (std::isinf(value)) throw DataError("reference: cannot read");
      request_stop();
      return std::nullopt;
    });
    const auto end = trainer.run();
    request_stop(false);
    EXPECT_EQ(next, values.size());
    return end;
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

  static std::vector<nlohmann::json> lines_without_times(const fs::path& run) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(RunDirectory(run).metrics_file());
    for (std::string line; std::getline(file, line);) {
      lines.push_back(nlohmann::json::parse(line));
      for (const char* key : {"seconds", "images_per_second"})
        lines.back().erase(key);
    }
    return lines;
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

TEST_F(TrainingEvaluation, OneThatIsDueDoesNotHoldUpARunThatMakesNone) {
  const auto run = dir_.path() / "run";
  EXPECT_EQ(train(run, {NAN}), RunEnd::kStopped);
  config_.train.eval_every = 0;
  EXPECT_EQ(train(run, {}), RunEnd::kFinished);
  EXPECT_EQ(load_training_state(RunDirectory(run).newest_checkpoint()).step, 20);
}

TEST_F(TrainingEvaluation, OneThatIsStoppedIsMadeByTheSessionThatGoesOn) {
  const auto stopped = dir_.path() / "stopped";
  EXPECT_EQ(train(stopped, {9.0, NAN}), RunEnd::kStopped);
  EXPECT_EQ(RunDirectory(stopped).checkpoint_steps(), (std::vector<int64_t>{5, 10}));
  EXPECT_EQ(train(stopped, {2.0, 3.0, NAN}), RunEnd::kStopped);  // the last is that of the end
  EXPECT_EQ(train(stopped, {4.0}), RunEnd::kFinished);
  const auto whole = dir_.path() / "whole";
  EXPECT_EQ(train(whole, {9.0, 2.0, 3.0, 4.0}), RunEnd::kFinished);
  EXPECT_EQ(scores(stopped), scores(whole));
  EXPECT_EQ(lines_without_times(stopped), lines_without_times(whole));
  EXPECT_EQ(fs::read_symlink(RunDirectory(stopped).best_link()).string(), "step-000010");
  expect_same_bits(RunDirectory(stopped).checkpoint(20), RunDirectory(whole).checkpoint(20));
}

TEST_F(TrainingEvaluation, OneThatFailsKeepsTheRunAndIsMadeWhenItGoesOn) {
  const auto run = dir_.path() / "run";
  expect_error<DataError>([&] { train(run, {3, INFINITY}); }, "reference: cannot read");
  EXPECT_EQ(RunDirectory(run).checkpoint_steps(), (std::vector<int64_t>{5, 10}));
  EXPECT_EQ(train(run, {2, 4, 5}), RunEnd::kFinished);
  EXPECT_EQ(scores(run), (std::map<int64_t, double>{{5, 3}, {10, 2}, {15, 4}, {20, 5}}));
}

}  // namespace
}  // namespace ddpm
