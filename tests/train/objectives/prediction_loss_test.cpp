#include "ddpm/train/objectives/prediction_loss.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/train/objectives/denoising.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

Config settings(DenoisingLoss loss, Variance variance) {
  Config config;
  config.model = tiny_model().model;
  config.signature = tiny_model().signature;
  config.train.loss = loss;
  config.diffusion.variance = variance;
  return config;
}

/// Three images, one of them at timestep 0.
StepInputs inputs_of(const Config& config) {
  torch::manual_seed(0);
  Batch batch;
  batch.x = torch::rand({3, 1, 4, 4}) * 2 - 1;
  batch.labels = torch::tensor({int64_t{2}, int64_t{0}, int64_t{1}});
  batch.drawn["timesteps"] = torch::tensor({int64_t{0}, int64_t{40}, int64_t{900}});
  batch.drawn["noise"] = torch::randn({3, 1, 4, 4});
  return Denoising(config, torch::kCPU).prepare(batch);
}

torch::Tensor output_of(int64_t channels) {
  torch::manual_seed(1);
  return torch::randn({3, channels, 4, 4}, torch::requires_grad());
}

TEST(PredictionLoss, SimpleIsTheMeanSquaredError) {
  const auto config = settings(DenoisingLoss::kSimple, Variance::kFixed);
  const auto inputs = inputs_of(config);
  const auto output = output_of(1);
  const auto loss = PredictionLoss(config, torch::kCPU)(inputs, output);
  EXPECT_TRUE(torch::allclose(loss.mean, torch::mse_loss(output, inputs.at("target")), 1e-6));
  EXPECT_EQ(loss.each.sizes(), (std::vector<int64_t>{3}));
}

TEST(PredictionLoss, WeightsChangeEachImagesLossByExactlyTheirFactor) {
  auto config = settings(DenoisingLoss::kSimple, Variance::kFixed);
  const auto plain = inputs_of(config);
  const auto output = output_of(1);
  const auto before = PredictionLoss(config, torch::kCPU)(plain, output);
  config.train.loss_weighting = LossWeighting::kMinSnr;
  auto weighted = inputs_of(config);
  const auto loss = PredictionLoss(config, torch::kCPU)(weighted, output);
  EXPECT_NEAR(weighted.at("weights")[0].item<double>(), 5.0005e-4, 1e-8);
  EXPECT_TRUE(torch::equal(loss.each, before.each * weighted.at("weights")));
  weighted["importance"] = torch::tensor({2.0F, 0.5F, 1.0F});
  const auto sampled = PredictionLoss(config, torch::kCPU)(weighted, output);
  EXPECT_TRUE(torch::equal(sampled.each, loss.each));
  EXPECT_TRUE(torch::equal(sampled.mean, (loss.each * weighted.at("importance")).mean()));
}

TEST(PredictionLoss, TheBoundOfHybridGivesTheMeanHalfNoGradientAtAll) {
  for (const auto type : {PredictionType::kEpsilon, PredictionType::kVPrediction}) {
    auto config = settings(DenoisingLoss::kHybrid, Variance::kLearnedRange);
    config.diffusion.prediction_type = type;
    const auto inputs = inputs_of(config);
    const auto output = output_of(2);
    const PredictionLoss loss(config, torch::kCPU);
    loss.bound(inputs, output, /*stop_mean=*/true).sum().backward();
    const auto gradient = output.grad();
    EXPECT_EQ(gradient.narrow(1, 0, 1).abs().max().item<double>(), 0.0);
    EXPECT_GT(gradient.narrow(1, 1, 1).abs().amax({1, 2, 3}).min().item<double>(), 0.0);
  }
}

TEST(PredictionLoss, HybridIsSimplePlusTheWeightedBound) {
  auto config = settings(DenoisingLoss::kHybrid, Variance::kLearnedRange);
  config.train.vlb_weight = 0.01;
  const auto inputs = inputs_of(config);
  const auto output = output_of(2);
  const PredictionLoss loss(config, torch::kCPU);
  const auto error = (output.narrow(1, 0, 1) - inputs.at("target")).square().mean({1, 2, 3});
  const auto expected = error + 0.01 * loss.bound(inputs, output, true);
  EXPECT_TRUE(torch::allclose(loss(inputs, output).each, expected, 1e-6));
}

TEST(PredictionLoss, VlbTrainsMeanAndVariance) {
  const auto config = settings(DenoisingLoss::kVlb, Variance::kLearnedRange);
  const auto inputs = inputs_of(config);
  const auto output = output_of(2);
  PredictionLoss(config, torch::kCPU)(inputs, output).mean.backward();
  EXPECT_GT(output.grad().abs().amax({2, 3}).min().item<double>(), 0.0);
}

TEST(PredictionLoss, LearnedVarianceAtTheEndsOfItsRangeIsTheFixedOne) {
  auto fixed = settings(DenoisingLoss::kVlb, Variance::kFixed);
  fixed.sample.variance_type = VarianceType::kFixedSmall;
  const auto inputs = inputs_of(fixed);
  const auto answer = output_of(1).detach();
  const auto lowest = torch::cat({answer, torch::full_like(answer, -1)}, 1);
  const PredictionLoss learned(settings(DenoisingLoss::kVlb, Variance::kLearnedRange), torch::kCPU);
  const auto by_fixed = PredictionLoss(fixed, torch::kCPU)(inputs, answer).each;
  EXPECT_TRUE(torch::allclose(learned(inputs, lowest).each, by_fixed, 1e-5));
}

}  // namespace
}  // namespace ddpm
