#include "ddpm/diffusion/process.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"

namespace ddpm {
namespace {

DiffusionConfig config_of(ProcessType type) {
  DiffusionConfig config;
  config.process = type;
  return config;
}

std::vector<DiffusionConfig> all_configs() {
  std::vector<DiffusionConfig> configs{config_of(ProcessType::kEdm), config_of(ProcessType::kFlow)};
  for (const auto& type : kNames<PredictionType>) {
    configs.emplace_back();
    configs.back().prediction_type = type.value;
  }
  return configs;
}

/// Network times of two images, one noisy and one clean.
torch::Tensor times_of(ProcessType type) {
  if (type == ProcessType::kDiscrete) return torch::tensor({900, 20});
  if (type == ProcessType::kFlow) return torch::tensor({900.0, 20.0});
  return torch::tensor({std::log(30.0) / 4, std::log(0.05) / 4});
}

TEST(Process, ReadsItsOwnTargetAsImageAndNoise) {
  torch::manual_seed(0);
  const auto x0 = torch::randn({2, 1, 4, 4}, torch::kFloat64);
  const auto eps = torch::randn({2, 1, 4, 4}, torch::kFloat64);
  for (const auto& config : all_configs()) {
    const auto process = make_process(config);
    const auto levels = process->levels_at(times_of(config.process));
    const auto x_t = add_noise(levels, x0, eps);
    const auto read = process->read(levels, x_t, process->target(levels, x0, eps));
    const auto name = to_name(config.process);
    EXPECT_TRUE(torch::allclose(read.x0, x0, 1e-5, 1e-4)) << name;
    EXPECT_TRUE(torch::allclose(read.eps, eps, 1e-5, 1e-4)) << name;
    EXPECT_FALSE(read.variance.defined());
  }
}

TEST(Process, OneLevelReadsAsABatchOfIt) {
  torch::manual_seed(0);
  const auto x = torch::randn({2, 1, 4, 4}, torch::kFloat64);
  const auto output = torch::randn({2, 2, 4, 4}, torch::kFloat64);
  for (const auto& config : all_configs()) {
    const auto process = make_process(config);
    const auto times = times_of(config.process);
    const auto batch = process->read(process->levels_at(times), x, output);
    for (int64_t i = 0; i < 2; ++i) {
      const auto level = process->level_at(times[i].item<double>());
      const auto single = process->read(level, x.narrow(0, i, 1), output.narrow(0, i, 1));
      EXPECT_TRUE(torch::allclose(single.x0, batch.x0.narrow(0, i, 1), 1e-4, 1e-5));
      EXPECT_TRUE(torch::allclose(single.eps, batch.eps.narrow(0, i, 1), 1e-4, 1e-5));
      EXPECT_TRUE(torch::equal(single.variance, output.narrow(0, i, 1).narrow(1, 1, 1)));
    }
  }
}

TEST(Process, FindsALevelAgainByItsRatio) {
  for (const auto& config : all_configs()) {
    const auto process = make_process(config);
    for (const double share : {0.001, 0.3, 0.8004}) {
      const double t = config.process == ProcessType::kEdm ? share : 999 * share;
      const auto level = process->level_at(t);
      const auto found = process->level_of_ratio(level.ratio());
      EXPECT_NEAR(found.t, t, 1e-8);
      EXPECT_NEAR(found.alpha, level.alpha, 1e-12);
      EXPECT_NEAR(found.sigma, level.sigma, 1e-12);
    }
  }
}

TEST(Process, FractionalTimestepsLieBetweenTheirNeighbours) {
  const auto process = make_process(DiffusionConfig());
  const double low = std::log(process->level_at(10).ratio());
  const double high = std::log(process->level_at(11).ratio());
  EXPECT_NEAR(std::log(process->level_at(10.25).ratio()), low + 0.25 * (high - low), 1e-12);
  EXPECT_EQ(process->level_of_ratio(1e9).t, 999.0);
  EXPECT_EQ(process->level_of_ratio(1e-9).t, 0.0);
  EXPECT_EQ(process->level_of_ratio(0.0).sigma, 0.0);
}

TEST(Process, EdmPreconditioningIsThePublishedOne) {
  const auto process = make_process(config_of(ProcessType::kEdm));
  const auto level = process->level_of_ratio(0.5);
  EXPECT_NEAR(level.t, -.1732867951, 1e-9);
  EXPECT_NEAR(process->input_scale(level), 1.414213562, 1e-9);
  const auto unit = torch::ones({1, 1, 1, 1}, torch::kFloat64);
  const auto zero = torch::zeros({1, 1, 1, 1}, torch::kFloat64);
  EXPECT_NEAR(process->read(level, unit, zero).x0.item<double>(), .5, 1e-9);
  EXPECT_NEAR(process->read(level, zero, unit).x0.item<double>(), .3535533906, 1e-9);
}

TEST(Process, FlowDenoisesAsTheOracle) {
  const auto process = make_process(config_of(ProcessType::kFlow));
  const double t = .3;  // 0 noise, 1 image: sigma is 1 - t
  const double variance = (1 - t) * (1 - t) + t * t * .25;
  const double v = .3 + (t * .25 - (1 - t)) / variance * (.4 - t * .3);
  const auto x = torch::full({1, 1, 1, 1}, .4, torch::kFloat64);
  const auto read = process->read(process->level_at(700), x, torch::full_like(x, -v));
  EXPECT_NEAR(read.x0.item<double>(), .3453658537, 1e-9);
}

TEST(Process, HasTheSameLevelsAsAnotherOfItsKind) {
  auto other = DiffusionConfig();
  other.prediction_type = PredictionType::kSample;
  const auto discrete = make_process(DiffusionConfig());
  EXPECT_TRUE(discrete->same_levels(*make_process(other)));
  other.beta_end = 0.03;
  EXPECT_FALSE(discrete->same_levels(*make_process(other)));
  const auto flow = make_process(config_of(ProcessType::kFlow));
  EXPECT_FALSE(flow->same_levels(*discrete));
  EXPECT_FALSE(discrete->same_levels(*flow));
  other = config_of(ProcessType::kFlow);
  EXPECT_TRUE(flow->same_levels(*make_process(other)));
  other.num_train_timesteps = 500;
  EXPECT_FALSE(flow->same_levels(*make_process(other)));
}

TEST(Process, DrawsTheLevelsOfItsTraining) {
  TrainConfig train;
  EXPECT_EQ(make_process(DiffusionConfig())->drawn_timestep(train, 0.9999), 999.0);
  EXPECT_EQ(make_process(config_of(ProcessType::kFlow))->drawn_timestep(train, 0.25), 250.0);
  const auto edm = make_process(config_of(ProcessType::kEdm));
  EXPECT_NEAR(edm->level_at(edm->drawn_timestep(train, 0.5)).sigma, std::exp(-1.2), 1e-9);
}

TEST(ShownLevels, OfTheDiscreteProcessAreItsTimesteps) {
  const auto process = make_process(DiffusionConfig());
  EXPECT_EQ(process->last_shown_timestep(), 999);
  const auto level = process->shown_level(500);
  EXPECT_NEAR(level.alpha * level.alpha, .077796658365, 1e-12);
  EXPECT_EQ(level.t, 500.0);
}

TEST(ShownLevels, OfFlowGoFromTheCleanImageToPureNoise) {
  const auto process = make_process(config_of(ProcessType::kFlow));
  EXPECT_EQ(process->last_shown_timestep(), 1000);
  EXPECT_EQ(process->shown_level(0).sigma, 0.0);
  EXPECT_DOUBLE_EQ(process->shown_level(250).sigma, 0.25);
  EXPECT_EQ(process->shown_level(1000).alpha, 0.0);
}

TEST(ShownLevels, OfEdmAreTheSamplingGrid) {
  auto config = config_of(ProcessType::kEdm);
  config.num_train_timesteps = 18;
  const auto process = make_process(config);
  EXPECT_NEAR(process->shown_level(0).sigma, .002, 1e-12);
  EXPECT_NEAR(process->shown_level(13).sigma, 19.3525, 1e-4);
  EXPECT_NEAR(process->shown_level(17).sigma, 80.0, 1e-10);
}

TEST(ShownLevels, GrowNoisierOnEveryProcess) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = make_process(config_of(type.value));
    for (int64_t t = 1; t <= process->last_shown_timestep(); ++t)
      ASSERT_GT(process->shown_level(t).ratio(), process->shown_level(t - 1).ratio())
          << type.name << t;
  }
}

}  // namespace
}  // namespace ddpm
