#include "ddpm/train/training_loss.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

Config settings(Objective objective, Variance variance) {
  Config config;
  config.model = tiny_model();
  config.train.loss = objective;
  config.diffusion.variance = variance;
  return config;
}

/// Three images, one of them at timestep 0.
NoisyBatch noisy_batch(const Config& config) {
  torch::manual_seed(0);
  Batch batch;
  batch.images = torch::rand({3, 1, 4, 4}) * 2 - 1;
  batch.labels = torch::tensor({int64_t{2}, int64_t{0}, int64_t{1}});
  batch.timesteps = torch::tensor({int64_t{0}, int64_t{40}, int64_t{900}});
  batch.noise = torch::randn({3, 1, 4, 4});
  return Noising(config).apply(batch, torch::kCPU);
}

torch::Tensor output_of(int64_t channels) {
  torch::manual_seed(1);
  return torch::randn({3, channels, 4, 4}, torch::requires_grad());
}

TEST(TrainingLoss, SimpleIsTheMeanSquaredError) {
  const auto config = settings(Objective::kSimple, Variance::kFixed);
  const auto batch = noisy_batch(config);
  const auto output = output_of(1);
  const auto loss = TrainingLoss(config, torch::kCPU)(batch, output);
  EXPECT_TRUE(torch::allclose(loss.mean, torch::mse_loss(output, batch.target), 1e-6));
  EXPECT_EQ(loss.images.sizes(), (std::vector<int64_t>{3}));
}

TEST(TrainingLoss, WeightsChangeEachImagesLossByExactlyTheirFactor) {
  auto config = settings(Objective::kSimple, Variance::kFixed);
  const auto plain = noisy_batch(config);
  const auto output = output_of(1);
  const auto before = TrainingLoss(config, torch::kCPU)(plain, output);
  config.train.loss_weighting = LossWeighting::kMinSnr;
  auto weighted = noisy_batch(config);
  const auto loss = TrainingLoss(config, torch::kCPU)(weighted, output);
  EXPECT_NEAR(weighted.weights[0].item<double>(), 5.0005e-4, 1e-8);
  EXPECT_TRUE(torch::equal(loss.images, before.images * weighted.weights));
  weighted.importance = torch::tensor({2.0F, 0.5F, 1.0F});
  const auto sampled = TrainingLoss(config, torch::kCPU)(weighted, output);
  EXPECT_TRUE(torch::equal(sampled.images, loss.images));
  EXPECT_TRUE(torch::equal(sampled.mean, (loss.images * weighted.importance).mean()));
}

TEST(TrainingLoss, TheBoundOfHybridGivesTheMeanHalfNoGradientAtAll) {
  for (const auto type : {PredictionType::kEpsilon, PredictionType::kVPrediction}) {
    auto config = settings(Objective::kHybrid, Variance::kLearnedRange);
    config.diffusion.prediction_type = type;
    const auto batch = noisy_batch(config);
    const auto output = output_of(2);
    const TrainingLoss loss(config, torch::kCPU);
    loss.bound(batch, output, /*stop_mean=*/true).sum().backward();
    const auto gradient = output.grad();
    EXPECT_EQ(gradient.narrow(1, 0, 1).abs().max().item<double>(), 0.0);
    EXPECT_GT(gradient.narrow(1, 1, 1).abs().amax({1, 2, 3}).min().item<double>(), 0.0);
  }
}

TEST(TrainingLoss, HybridIsSimplePlusTheWeightedBound) {
  auto config = settings(Objective::kHybrid, Variance::kLearnedRange);
  config.train.vlb_weight = 0.01;
  const auto batch = noisy_batch(config);
  const auto output = output_of(2);
  const TrainingLoss loss(config, torch::kCPU);
  const auto error = (output.narrow(1, 0, 1) - batch.target).square().mean({1, 2, 3});
  const auto expected = error + 0.01 * loss.bound(batch, output, true);
  EXPECT_TRUE(torch::allclose(loss(batch, output).images, expected, 1e-6));
}

TEST(TrainingLoss, VlbTrainsMeanAndVariance) {
  const auto config = settings(Objective::kVlb, Variance::kLearnedRange);
  const auto batch = noisy_batch(config);
  const auto output = output_of(2);
  TrainingLoss(config, torch::kCPU)(batch, output).mean.backward();
  EXPECT_GT(output.grad().abs().amax({2, 3}).min().item<double>(), 0.0);
}

TEST(TrainingLoss, LearnedVarianceAtTheEndsOfItsRangeIsTheFixedOne) {
  auto fixed = settings(Objective::kVlb, Variance::kFixed);
  fixed.sample.variance_type = VarianceType::kFixedSmall;
  const auto batch = noisy_batch(fixed);
  const auto answer = output_of(1).detach();
  const auto lowest = torch::cat({answer, torch::full_like(answer, -1)}, 1);
  const TrainingLoss learned(settings(Objective::kVlb, Variance::kLearnedRange), torch::kCPU);
  const auto by_fixed = TrainingLoss(fixed, torch::kCPU)(batch, answer).images;
  EXPECT_TRUE(torch::allclose(learned(batch, lowest).images, by_fixed, 1e-5));
}

TEST(TrainingLoss, OfAClassifierIsCrossEntropyWithItsAccuracy) {
  auto config = settings(Objective::kSimple, Variance::kFixed);
  config.train.task = Task::kClassifier;
  const auto batch = noisy_batch(config);
  const auto logits = torch::tensor({{0.0F, 0.0F, 9.0F}, {9.0F, 0.0F, 0.0F}, {9.0F, 0.0F, 0.0F}});
  const auto loss = TrainingLoss(config, torch::kCPU)(batch, logits);
  EXPECT_NEAR(loss.accuracy.item<double>(), 2.0 / 3, 1e-6);
  EXPECT_NEAR(loss.images[2].item<double>(), std::log(std::exp(9.0) + 2), 1e-5);
}

}  // namespace
}  // namespace ddpm
