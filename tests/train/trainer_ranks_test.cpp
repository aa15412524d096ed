#include <array>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/util/stop.h"
#include "tests/support/runs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/thread_ranks.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// Settings beside those of `tiny_config`, which has dropout, flips and dropped labels.
struct RankCase {
  std::string name;
  std::vector<std::pair<std::string, std::string>> settings;
};

std::ostream& operator<<(std::ostream& out, const RankCase& row) {
  return out << row.name;
}

Config config_of(const RankCase& row) {
  auto config = tiny_config();
  config.train.steps = 12;
  config.train.save_every = 6;
  for (const auto& [key, value] : row.settings)
    set_setting(config, key, value, "case");
  check_rules(config);
  return config;
}

/// Trains in `run` on two ranks, from its newest checkpoint if there is one.
void train_on_two(const Config& settings, const fs::path& run) {
  const NoiseData dataset(30);
  const auto config = complete_config(settings, dataset);
  RunFolder folder{RunDirectory(run)};
  folder.directory().create();
  const auto checkpoint = folder.directory().newest_checkpoint();
  ThreadRanks(2).run([&](Ranks& ranks) {
    Trainer trainer(config, dataset, folder, {.checkpoint = checkpoint, .ranks = ranks});
    trainer.run();
  });
}

class TrainerOnRanks : public testing::TestWithParam<RankCase> {};

TEST_P(TrainerOnRanks, TwoGiveTheBitsOfTwoPartsOfOneProcess) {
  const TempDir dir;
  auto config = config_of(GetParam());
  config.train.lr_schedule = LrSchedule::kConstant;
  config.train.gradient_accumulation_steps = 2;
  train(config, dir.path() / "one", /*threads=*/1);
  config.train.gradient_accumulation_steps = 1;
  config.train.steps = 6;
  train_on_two(config, dir.path() / "two");
  config.train.steps = 12;
  train_on_two(config, dir.path() / "two");
  for (const char* step : {"step-000006", "step-000012"})
    expect_same_bits(dir.path() / "one/checkpoints" / step, dir.path() / "two/checkpoints" / step);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, TrainerOnRanks,
    testing::Values(RankCase{"float32", {}}, RankCase{"bf16", {{"train.precision", "bf16"}}},
                    RankCase{"muon", {{"train.optimizer", "muon"}}},
                    RankCase{"classifier", {{"train.task", "classifier"}}},
                    RankCase{"loss_second_moment",
                             {{"train.timestep_sampler", "loss_second_moment"},
                              {"diffusion.num_train_timesteps", "4"}}},
                    RankCase{"checkpointed", {{"train.gradient_checkpointing", "blocks"}}}),
    [](const auto& info) { return info.param.name; });

TEST(TrainerRanks, AStopAskedOfAnyEndsAllAtTheSameStep) {
  const TempDir dir;
  const NoiseData dataset(30);
  auto config = complete_config(tiny_config(), dataset);
  config.train.gradient_accumulation_steps = 1;
  RunFolder folder{RunDirectory(dir.path())};
  folder.directory().create();
  StopSource source;
  source.request();
  ThreadRanks(2).run([&](Ranks& ranks) {
    const StopScope stop(ranks.leads() ? StopToken() : source.token());
    Trainer trainer(config, dataset, folder, {.ranks = ranks});
    EXPECT_EQ(trainer.run(), RunEnd::kStopped);
    EXPECT_EQ(trainer.state().step, 1);
  });
  EXPECT_EQ(folder.directory().checkpoint_steps(), (std::vector<int64_t>{1}));
}

TEST(TrainerRanks, AnEvaluationThatIsStoppedEndsAllAtTheSameStep) {
  const TempDir dir;
  const NoiseData dataset(30);
  auto config = complete_config(tiny_config(), dataset);
  config.train.gradient_accumulation_steps = 1;
  config.train.eval_every = 5;
  RunFolder folder{RunDirectory(dir.path())};
  folder.directory().create();
  std::array<int64_t, 2> steps{};
  ThreadRanks(2).run([&](Ranks& ranks) {
    Trainer trainer(config, dataset, folder, {.ranks = ranks});
    trainer.evaluate_with([](Generator&) -> std::optional<Scores> { return std::nullopt; });
    EXPECT_EQ(trainer.run(), RunEnd::kStopped);
    EXPECT_TRUE(trainer.state().evaluation_due);
    steps.at(static_cast<size_t>(ranks.rank())) = trainer.state().step;
  });
  EXPECT_EQ(steps, (std::array<int64_t, 2>{5, 5}));
  EXPECT_EQ(folder.directory().checkpoint_steps(), (std::vector<int64_t>{5}));
}

}  // namespace
}  // namespace ddpm
