#include "ddpm/train/noising.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

Batch batch_of(const torch::Tensor& images) {
  Batch batch;
  batch.images = images;
  batch.labels = torch::zeros({images.size(0)}, torch::kInt64);
  return batch;
}

Batch batch_of(int64_t count) {
  return batch_of(torch::rand({count, 1, 8, 8}) * 2 - 1);
}

Config settings(double label_dropout = 0.0) {
  Config config;
  config.model = tiny_model();
  config.train.label_dropout = label_dropout;
  config.train.seed = 1;
  return config;
}

NoisyBatch noised(const Noising& noising, Batch batch, int64_t first_place) {
  noising.draw(batch, first_place);
  return noising.apply(batch, torch::kCPU);
}

TEST(Noising, DependsOnThePlaceNotOnTheBatch) {
  const Noising noising(settings(0.5));
  const auto batch = batch_of(8);
  const auto whole = noised(noising, batch, 100);
  const auto part = noised(noising, batch_of(batch.images.narrow(0, 4, 4)), 104);
  EXPECT_TRUE(torch::equal(whole.x_t.narrow(0, 4, 4), part.x_t));
  EXPECT_TRUE(torch::equal(whole.timesteps.narrow(0, 4, 4), part.timesteps));
  EXPECT_TRUE(torch::equal(whole.labels.narrow(0, 4, 4), part.labels));
}

TEST(Noising, TargetOfEpsilonIsTheNoiseInTheImage) {
  const Noising noising(settings());
  const auto batch = batch_of(4);
  const auto noisy = noised(noising, batch, 0);
  const NoiseSchedule schedule{DiffusionConfig()};
  for (int64_t i = 0; i < 4; ++i) {
    const double a = schedule.alpha_bar(noisy.timesteps[i].item<int64_t>());
    const auto expected = std::sqrt(a) * batch.images[i] + std::sqrt(1 - a) * noisy.target[i];
    EXPECT_TRUE(torch::allclose(noisy.x_t[i], expected, 1e-5, 1e-6));
  }
}

TEST(Noising, DropsTheShareOfLabelsThatItIsToldTo) {
  const Noising noising(settings(0.25));
  auto batch = batch_of(torch::zeros({4000, 1, 1, 1}));
  batch.labels = torch::ones({4000}, torch::kInt64);
  const auto labels = noised(noising, batch, 0).labels;
  EXPECT_NEAR((labels == 3).to(torch::kFloat64).mean().item<double>(), 0.25, 0.03);
}

TEST(Noising, UnconditionalModelsGetNoLabels) {
  auto config = settings(0.1);
  config.model.num_class_embeds.reset();
  config.model.null_class_label.reset();
  const Noising noising(config);
  EXPECT_FALSE(noised(noising, batch_of(2), 0).labels.defined());
}

TEST(Noising, OffsetNoiseIsOneNumberForEachChannelOfAnImage) {
  auto config = settings();
  const auto images = torch::zeros({500, 2, 4, 4});
  auto plain = batch_of(images);
  Noising(config).draw(plain, 0);
  config.train.noise_offset = 0.3;
  auto offset = batch_of(images);
  const Noising noising(config);
  noising.draw(offset, 0);
  const auto added = offset.noise - plain.noise;
  EXPECT_LT((added - added.mean({2, 3}, true)).abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(added.mean({2, 3}).std().item<double>(), 0.3, 0.03);
  EXPECT_GT((added.select(1, 0) - added.select(1, 1)).abs().mean().item<double>(), 0.1);
  EXPECT_TRUE(torch::equal(noising.apply(offset, torch::kCPU).target, offset.noise));
}

TEST(Noising, OptimalTransportPermutesTheNoiseAloneAndShortensThePaths) {
  auto config = settings();
  config.diffusion.process = ProcessType::kFlow;
  auto plain = batch_of(32);
  plain.labels = torch::arange(32, torch::kInt64) % 3;
  auto coupled = plain;
  Noising(config).draw(plain, 64);
  config.train.coupling = Coupling::kOptimalTransport;
  Noising(config).draw(coupled, 64);
  EXPECT_TRUE(torch::equal(coupled.images, plain.images));
  EXPECT_TRUE(torch::equal(coupled.labels, plain.labels));
  EXPECT_TRUE(torch::equal(coupled.timesteps, plain.timesteps));
  const auto path = [](const Batch& batch) {
    return (batch.noise - batch.images).square().sum().item<double>();
  };
  EXPECT_LT(path(coupled), 0.99 * path(plain));
  const auto sorted = [](const Batch& batch) {  // the same rows, in some order
    return std::get<0>(batch.noise.flatten(1).select(1, 0).sort());
  };
  EXPECT_TRUE(torch::equal(sorted(coupled), sorted(plain)));
}

TEST(Noising, EdmNoisesLogNormallyAndAsksForATargetOfUnitVariance) {
  auto config = settings();
  config.diffusion.process = ProcessType::kEdm;
  auto batch = batch_of(torch::randn({4000, 1, 2, 2}) * config.diffusion.sigma_data);
  const Noising noising(config);
  noising.draw(batch, 0);
  const auto log_sigma = 4 * batch.timesteps;
  EXPECT_NEAR(log_sigma.mean().item<double>(), config.train.p_mean, 0.06);
  EXPECT_NEAR(log_sigma.std().item<double>(), config.train.p_std, 0.06);
  const auto noisy = noising.apply(batch, torch::kCPU);
  EXPECT_NEAR(noisy.target.std().item<double>(), 1.0, 0.03);
  EXPECT_NEAR(noisy.x_t.std().item<double>(), 1.0, 0.03);
  EXPECT_FALSE(noisy.weights.defined());
  EXPECT_EQ(noisy.timesteps.scalar_type(), torch::kFloat32);
}

TEST(Noising, LogNormalLevelsOfTheDiscreteProcessHaveTheirMedian) {
  auto config = settings();
  config.train.timestep_sampler = TimestepSampler::kLogNormal;
  auto batch = batch_of(torch::zeros({2001, 1, 1, 1}));
  const Noising noising(config);
  noising.draw(batch, 0);
  const auto middle = batch.timesteps.median().item<int64_t>();
  EXPECT_NEAR(std::log(noising.process().level_at(static_cast<double>(middle)).ratio()), -1.2, 0.1);
}

TEST(Noising, FlowsPathIsStraight) {
  auto config = settings();
  config.diffusion.process = ProcessType::kFlow;
  auto batch = batch_of(64);
  const Noising noising(config);
  noising.draw(batch, 0);
  const auto noisy = noising.apply(batch, torch::kCPU);
  const auto sigma = (batch.timesteps / 1000.0).to(torch::kFloat32).view({64, 1, 1, 1});
  EXPECT_TRUE(torch::allclose(noisy.x_t, batch.images + sigma * noisy.target, 1e-5, 1e-5));
  EXPECT_GT(sigma.max().item<double>(), 0.9);
  EXPECT_LT(sigma.min().item<double>(), 0.1);
}

TEST(Noising, TimestepsFromLossesFollowTheirProbabilitiesAndComeWithWeights) {
  auto config = settings();
  config.diffusion.num_train_timesteps = 2;
  config.train.timestep_sampler = TimestepSampler::kLossSecondMoment;
  LossSecondMoment losses(2);
  for (int i = 0; i < 10; ++i)
    losses.update(std::vector<int64_t>{0, 1}, std::vector<double>{1.0, 3.0});
  auto batch = batch_of(torch::zeros({2000, 1, 1, 1}));
  const Noising noising(config);
  noising.draw(batch, 0);
  EXPECT_FALSE(batch.timesteps.defined());
  noising.draw_timesteps(batch, losses);
  EXPECT_NEAR(batch.timesteps.to(torch::kFloat64).mean().item<double>(), 0.75, 0.03);
  const auto importance = noising.apply(batch, torch::kCPU, &losses).importance;
  const double second = losses.weight(1);
  EXPECT_EQ(importance[batch.timesteps.argmax().item<int64_t>()].item<float>(),
            static_cast<float>(second));
}

TEST(Noising, AClassifierSeesItsShareOfCleanImages) {
  auto config = settings();
  config.train.task = Task::kClassifier;
  config.classifier.clean_share = 0.25;
  auto batch = batch_of(2000);
  const Noising noising(config);
  const auto noisy = noised(noising, batch, 0);
  const auto clean = (noisy.x_t - batch.images).abs().amax({1, 2, 3}) < 1e-3;
  EXPECT_NEAR(clean.to(torch::kFloat64).mean().item<double>(), 0.25, 0.03);
  EXPECT_EQ(noisy.timesteps.masked_select(clean).max().item<int64_t>(), 0);
  EXPECT_TRUE(torch::equal(noisy.target, batch.labels));
  EXPECT_FALSE(noisy.labels.defined());
}

}  // namespace
}  // namespace ddpm
