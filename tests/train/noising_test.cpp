#include "ddpm/train/noising.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/batches.h"

namespace ddpm {
namespace {

Config settings() {
  Config config;
  config.train.seed = 1;
  return config;
}

Noising noising_of(const Config& config) {
  return {config.diffusion, config.train};
}

NoisedImages noised(const Noising& noising, Batch batch, int64_t first_place) {
  noising.draw(batch, first_place);
  return noising.apply(batch, torch::kCPU);
}

TEST(Noising, DependsOnThePlaceNotOnTheBatch) {
  const auto noising = noising_of(settings());
  const auto batch = batch_of(8);
  const auto whole = noised(noising, batch, 100);
  const auto part = noised(noising, batch_of(batch.x.narrow(0, 4, 4)), 104);
  EXPECT_TRUE(torch::equal(whole.x_t.narrow(0, 4, 4), part.x_t));
  EXPECT_TRUE(torch::equal(whole.timesteps.narrow(0, 4, 4), part.timesteps));
}

TEST(Noising, OffsetNoiseIsOneNumberForEachChannelOfAnImage) {
  auto config = settings();
  const auto images = torch::zeros({500, 2, 4, 4});
  const auto plain = noised(noising_of(config), batch_of(images), 0).eps;
  config.train.noise_offset = 0.3;
  const auto added = noised(noising_of(config), batch_of(images), 0).eps - plain;
  EXPECT_LT((added - added.mean({2, 3}, true)).abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(added.mean({2, 3}).std().item<double>(), 0.3, 0.03);
  EXPECT_GT((added.select(1, 0) - added.select(1, 1)).abs().mean().item<double>(), 0.1);
}

TEST(Noising, OptimalTransportPermutesTheNoiseAloneAndShortensThePaths) {
  auto config = settings();
  config.diffusion.process = ProcessType::kFlow;
  auto plain = batch_of(32);
  plain.labels = torch::arange(32, torch::kInt64) % 3;
  auto coupled = plain;
  noising_of(config).draw(plain, 64);
  config.train.coupling = Coupling::kOptimalTransport;
  noising_of(config).draw(coupled, 64);
  EXPECT_TRUE(torch::equal(coupled.x, plain.x));
  EXPECT_TRUE(torch::equal(coupled.labels, plain.labels));
  EXPECT_TRUE(torch::equal(coupled.drawn.at("timesteps"), plain.drawn.at("timesteps")));
  const auto path = [](const Batch& batch) {
    return (batch.drawn.at("noise") - batch.x).square().sum().item<double>();
  };
  EXPECT_LT(path(coupled), 0.99 * path(plain));
  const auto sorted = [](const Batch& batch) {  // the same rows, in some order
    return std::get<0>(batch.drawn.at("noise").flatten(1).select(1, 0).sort());
  };
  EXPECT_TRUE(torch::equal(sorted(coupled), sorted(plain)));
}

TEST(Noising, EdmNoisesLogNormally) {
  auto config = settings();
  config.diffusion.process = ProcessType::kEdm;
  const auto images = torch::randn({4000, 1, 2, 2}) * config.diffusion.sigma_data;
  const auto images_noised = noised(noising_of(config), batch_of(images), 0);
  const auto log_sigma = 4 * images_noised.timesteps;
  EXPECT_NEAR(log_sigma.mean().item<double>(), config.train.p_mean, 0.06);
  EXPECT_NEAR(log_sigma.std().item<double>(), config.train.p_std, 0.06);
  EXPECT_NEAR(images_noised.x_t.std().item<double>(), 1.0, 0.03);
  EXPECT_EQ(images_noised.timesteps.scalar_type(), torch::kFloat32);
}

TEST(Noising, LogNormalLevelsOfTheDiscreteProcessHaveTheirMedian) {
  auto config = settings();
  config.train.timestep_sampler = TimestepSampler::kLogNormal;
  const auto noising = noising_of(config);
  const auto timesteps = noised(noising, batch_of(torch::zeros({2001, 1, 1, 1})), 0).timesteps;
  const auto middle = timesteps.median().item<int64_t>();
  EXPECT_NEAR(std::log(noising.process().level_at(static_cast<double>(middle)).ratio()), -1.2, 0.1);
}

TEST(Noising, TimestepsFromLossesFollowTheirProbabilities) {
  auto config = settings();
  config.diffusion.num_train_timesteps = 2;
  config.train.timestep_sampler = TimestepSampler::kLossSecondMoment;
  LossSecondMoment losses(2);
  for (int i = 0; i < 10; ++i)
    losses.update(std::vector<int64_t>{0, 1}, std::vector<double>{1.0, 3.0});
  auto batch = batch_of(torch::zeros({2000, 1, 1, 1}));
  const auto noising = noising_of(config);
  noising.draw(batch, 0);
  EXPECT_FALSE(batch.drawn.contains("timesteps"));
  noising.draw_timesteps(batch, losses);
  EXPECT_NEAR(batch.drawn.at("timesteps").to(torch::kFloat64).mean().item<double>(), 0.75, 0.03);
}

}  // namespace
}  // namespace ddpm
