#include "ddpm/train/trainer.h"

#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/train/run_start.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/runs.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// Every line of metrics without what depends on the clock.
std::vector<nlohmann::json> metrics(const fs::path& run) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(RunDirectory(run).metrics_file()));
  for (std::string line; std::getline(text, line);) {
    auto object = parse_json(line, "metrics");
    object.erase("seconds");
    object.erase("images_per_second");
    lines.push_back(object);
  }
  return lines;
}

struct ResumeCase {
  Precision precision;
  int threads;
  GradientCheckpointing checkpointing;
};

class Resume : public testing::TestWithParam<ResumeCase> {};

TEST_P(Resume, GivesTheBitsOfTheUninterruptedRun) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.precision = GetParam().precision;
  config.train.gradient_checkpointing = GetParam().checkpointing;
  train(config, dir.path() / "whole", GetParam().threads);
  auto half = config;
  half.train.steps = 20;
  // The decay is a function of the total number of steps, so the first half must know it.
  half.train.lr_schedule = config.train.lr_schedule = LrSchedule::kConstant;
  train(half, dir.path() / "halves", GetParam().threads);
  train(config, dir.path() / "halves", GetParam().threads);
  train(config, dir.path() / "constant", GetParam().threads);
  expect_same_bits(dir.path() / "constant/checkpoints/step-000040",
                   dir.path() / "halves/checkpoints/step-000040");
  EXPECT_EQ(metrics(dir.path() / "constant"), metrics(dir.path() / "halves"));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Resume,
    testing::Values(ResumeCase{Precision::kFloat32, 1, GradientCheckpointing::kNone},
                    ResumeCase{Precision::kFloat32, 2, GradientCheckpointing::kNone},
                    ResumeCase{Precision::kBFloat16, 1, GradientCheckpointing::kNone},
                    ResumeCase{Precision::kBFloat16, 2, GradientCheckpointing::kBlocks}));

TEST(Trainer, ResumesFromAnEarlierCheckpointOfADecayingRun) {
  const TempDir dir;
  train(tiny_config(), dir.path() / "whole");
  fs::create_directories(dir.path() / "again/checkpoints");
  fs::copy(dir.path() / "whole/checkpoints/step-000020",
           dir.path() / "again/checkpoints/step-000020", fs::copy_options::recursive);
  train(tiny_config(), dir.path() / "again");
  expect_same_bits(dir.path() / "whole/checkpoints/step-000040",
                   dir.path() / "again/checkpoints/step-000040");
}

TEST(Trainer, AccumulationAveragesOverTheWholeBatch) {
  const TempDir dir;
  auto config = tiny_config();
  config.model.dropout = 0;
  config.train.steps = 1;
  config.train.warmup_steps = 0;
  config.train.log_every = 1;
  train(config, dir.path() / "parts");
  config.train.gradient_accumulation_steps = 1;
  train(config, dir.path() / "whole");
  const auto parts = metrics(dir.path() / "parts").at(0);
  const auto whole = metrics(dir.path() / "whole").at(0);
  EXPECT_NEAR(parts.at("loss").get<double>(), whole.at("loss").get<double>(), 1e-6);
  const double norm = whole.at("grad_norm");
  EXPECT_NEAR(parts.at("grad_norm").get<double>(), norm, 1e-5 * norm);
}

TEST(Trainer, LossFalls) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.steps = 160;
  config.train.lr = 4e-3;
  config.train.save_every = 0;
  train(config, dir.path());
  const auto lines = metrics(dir.path());
  EXPECT_LT(lines.back().at("loss").get<double>(), 0.9 * lines.front().at("loss").get<double>());
}

TEST(Trainer, WritesMetricsCheckpointsAndLinks) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.keep_last = 1;
  config.train.sample_every = 20;
  train(config, dir.path());
  EXPECT_EQ(metrics(dir.path()).size(), 5U);
  EXPECT_EQ(RunDirectory(dir.path()).checkpoint_steps(), (std::vector<int64_t>{40}));
  EXPECT_EQ(fs::read_symlink(dir.path() / "checkpoints/last"), "step-000040");
  EXPECT_TRUE(fs::exists(dir.path() / "samples/step-000020.png"));
  EXPECT_TRUE(fs::exists(dir.path() / "samples/step-000040.png"));
}

/// Counts what it is told to write.
class CountingSink : public MetricSink {
 public:
  explicit CountingSink(std::vector<std::string>& calls) : calls_(calls) {}
  void write(const Metrics& metrics) override {
    calls_.push_back("write " + std::to_string(metrics.step));
  }
  void settle() override { calls_.emplace_back("settle"); }

 private:
  std::vector<std::string>& calls_;
};

TEST(Trainer, TellsItsMetricsToEverySinkAndSettlesThemBeforeACheckpoint) {
  const TempDir dir;
  const NoiseData dataset(30);
  auto config = tiny_config();
  config.train.steps = 20;
  RunFolder folder{RunDirectory(dir.path())};
  folder.directory().create();
  Trainer trainer(complete_config(config, dataset), dataset, folder);
  std::vector<std::string> calls;
  trainer.add_sink(std::make_unique<CountingSink>(calls));
  trainer.run();
  EXPECT_EQ(calls, (std::vector<std::string>{"write 8", "write 16", "settle"}));
  EXPECT_EQ(metrics(dir.path()).size(), 2U);
}

TEST(Trainer, DivergedTrainingKeepsTheLastGoodCheckpoint) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.steps = 200;
  config.train.lr = 1e30;
  config.train.warmup_steps = 0;
  config.train.max_grad_norm = 0;
  config.train.save_every = 1;
  config.train.log_every = 100;
  EXPECT_THROW(train(config, dir.path()), DivergedError);
  EXPECT_TRUE(RunDirectory(dir.path()).has_checkpoints());
  for (const int64_t step : RunDirectory(dir.path()).checkpoint_steps()) {
    const auto tensors = load_training_tensors(RunDirectory(dir.path()).checkpoint(step));
    for (const auto& [name, tensor] : tensors.weights)
      ASSERT_TRUE(tensor.isfinite().all().item<bool>()) << step << name;
  }
}

/// A trainer whose steps a test takes itself, to do harm between them.
class TrainerStepByStep : public testing::Test {
 protected:
  TrainerStepByStep() { folder_.directory().create(); }
  Trainer make(const Config& config) {
    return {complete_config(config, dataset_), dataset_, folder_};
  }

  TempDir dir_;
  RunFolder folder_{RunDirectory(dir_.path())};
  NoiseData dataset_{30};
};

TEST_F(TrainerStepByStep, BadStepsChangeNothingAndAreCounted) {
  auto config = tiny_config();
  config.train.max_bad_steps = 3;
  auto trainer = make(config);
  trainer.step();
  const auto tensors = trainer.model().tensors();
  auto weight = tensors.weights.begin()->second;  // the network computes with this memory
  const auto good = weight.clone();
  const auto ema = tensors.ema.rbegin()->second.clone();
  const auto moment = tensors.exp_avg.rbegin()->second.clone();
  weight.fill_(NAN);
  trainer.step();
  EXPECT_EQ(trainer.state().bad_steps, 1);
  EXPECT_TRUE(torch::equal(ema, tensors.ema.rbegin()->second));
  EXPECT_TRUE(torch::equal(moment, tensors.exp_avg.rbegin()->second));
  weight.copy_(good);
  trainer.step();
  EXPECT_EQ(trainer.state().bad_steps, 0);
  EXPECT_EQ(trainer.state().skipped_steps, 1);
  EXPECT_EQ(trainer.state().loss_steps, 2);
  weight.fill_(NAN);
  trainer.step();
  trainer.step();
  EXPECT_THROW(trainer.step(), DivergedError);
}

TEST_F(TrainerStepByStep, ABadStepAtTheEndDoesNotLoseTheGoodOnes) {
  auto config = tiny_config();
  config.train.steps = 3;
  auto trainer = make(config);
  trainer.step();
  trainer.step();
  auto weight = trainer.model().tensors().weights.begin()->second;
  const auto good = weight.clone();
  weight.fill_(NAN);
  trainer.step();
  weight.copy_(good);
  EXPECT_EQ(trainer.run(), RunEnd::kFinished);
  const auto state = load_training_state(RunDirectory(dir_.path()).checkpoint(3));
  EXPECT_EQ(state.skipped_steps, 1);
  EXPECT_EQ(state.bad_steps, 1);
}

TEST_F(TrainerStepByStep, WeightsThatAreNotFiniteAreNoEnd) {
  auto config = tiny_config();
  config.train.steps = 1;
  auto trainer = make(config);
  trainer.step();
  trainer.model().tensors().weights.begin()->second.fill_(NAN);
  EXPECT_THROW(trainer.run(), DivergedError);
  EXPECT_FALSE(RunDirectory(dir_.path()).has_checkpoints());
}

TEST(Trainer, ADiskThatTakesNoCheckpointDoesNotEndARun) {
  const TempDir dir;
  dir.write("checkpoints/step-000020", "in the way");
  train(tiny_config(), dir.path());
  EXPECT_EQ(RunDirectory(dir.path()).checkpoint_steps(), (std::vector<int64_t>{40}));
  EXPECT_EQ(read_file(dir.path() / "checkpoints/step-000020"), "in the way");
}

TEST(Trainer, ALastCheckpointThatCannotBeWrittenIsADiskError) {
  const TempDir dir;
  dir.write("checkpoints/step-000040", "in the way");
  expect_error<DiskError>([&] { train(tiny_config(), dir.path()); }, "exists already");
  EXPECT_EQ(RunDirectory(dir.path()).checkpoint_steps(), (std::vector<int64_t>{20}));
}

TEST(Trainer, TimeBudgetFixesTheStepsAndTheDecay) {
  auto config = tiny_config();
  config.train.steps.reset();
  config.train.lr_schedule = LrSchedule::kLinear;
  config.train.save_every = 0;
  TrainingState state;
  // A machine that is too busy for the first budget gets a longer one.
  for (double seconds = 2; !state.total_steps && seconds < 1000; seconds *= 4) {
    const TempDir dir;
    config.train.max_minutes = seconds / 60;
    train(config, dir.path());
    state = load_training_state(RunDirectory(dir.path()).newest_checkpoint());
  }
  ASSERT_TRUE(state.total_steps.has_value());
  EXPECT_GT(*state.total_steps, state.decay_start);
  EXPECT_GE(state.decay_start, 35);
  EXPECT_LE(state.step, *state.total_steps);
}

TEST(Trainer, MoreStepsThanATimeBudgetHeldHaveTheDecayOfTheLongerRun) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.steps = 2;
  train(config, dir.path());
  const auto checkpoint = RunDirectory(dir.path()).newest_checkpoint();
  auto state = load_training_state(checkpoint);
  state.decay_start = 1;
  state.decay_done = 0.75;
  write_file_atomic(checkpoint / "training/state.json", training_state_to_json(state).dump());
  write_checksums(checkpoint);
  const NoiseData dataset(30);
  const auto resumed = [&](int64_t steps) {
    config.train.steps = steps;
    return initial_state(complete_config(config, dataset), dataset, torch::kCPU, checkpoint);
  };
  EXPECT_EQ(resumed(2).decay_done, 0.75);
  EXPECT_EQ(resumed(20).decay_done, 0.0);
  EXPECT_EQ(resumed(20).decay_start, 0);
  EXPECT_EQ(resumed(20).total_steps, 20);
}

/// A folder of which a file vanishes while it is trained on.
class VanishingDataset : public NoiseDataset {
 public:
  explicit VanishingDataset(int64_t reads) : NoiseDataset(30), left_(reads) {}
  void read(int64_t index, uint8_t* chw) const override {
    if (left_-- <= 0) throw DataError("7.png: cannot read");
    NoiseDataset::read(index, chw);
  }

 private:
  mutable std::atomic<int64_t> left_;
};

/// Trains into `run`, as `train` does, until an error of the data ends that; the step that is kept,
/// -1 for none.
int64_t train_until_error(const fs::path& run, int64_t reads) {
  at::set_num_threads(2);
  auto config = tiny_config();
  const auto data = training_images(std::make_shared<VanishingDataset>(reads), config);
  config.train.save_every = 0;
  RunFolder folder{RunDirectory(run)};
  folder.directory().create();
  Trainer trainer(complete_config(config, data), data, folder,
                  {.checkpoint = folder.directory().newest_checkpoint()});
  expect_error<DataError>([&] { trainer.run(); }, "7.png: cannot read");
  const auto steps = folder.directory().checkpoint_steps();
  EXPECT_EQ(trainer.is_kept(), !steps.empty());
  return steps.empty() ? -1 : steps.back();
}

TEST(Trainer, AnErrorOfTheDataKeepsTheLastWholeStep) {
  const TempDir dir;
  const auto step = train_until_error(dir.path() / "broken", 80);
  EXPECT_GT(step, 0);
  EXPECT_LE(step, 10);
  train(tiny_config(), dir.path() / "broken");
  train(tiny_config(), dir.path() / "whole");
  expect_same_bits(dir.path() / "whole/checkpoints/step-000040",
                   dir.path() / "broken/checkpoints/step-000040");
  EXPECT_EQ(metrics(dir.path() / "whole"), metrics(dir.path() / "broken"));
}

TEST(Trainer, AnErrorBeforeTheFirstStepLeavesNothing) {
  const TempDir dir;
  EXPECT_EQ(train_until_error(dir.path(), 3), -1);
}

TEST(Trainer, AnErrorThatCannotBeSavedIsStillTheOneToldOf) {
  const TempDir dir;
  for (int step = 1; step <= 10; ++step)
    dir.write("checkpoints/step-0000" + std::string(step < 10 ? "0" : "") + std::to_string(step),
              "in the way");
  EXPECT_EQ(train_until_error(dir.path(), 80), -1);
}

TEST(Trainer, AnotherDatasetIsRefusedOnResume) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.steps = 2;
  train(config, dir.path());
  const NoiseData other(31);
  RunFolder folder{RunDirectory(dir.path())};
  EXPECT_THROW(Trainer(complete_config(config, other), other, folder,
                       {.checkpoint = folder.directory().newest_checkpoint()}),
               DataError);
}

}  // namespace
}  // namespace ddpm
