#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/train/plan.h"
#include "ddpm/train/training_loss.h"
#include "ddpm/train/training_step.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

/// Ten steps are few: there the variance of the reverse process matters.
Config toy_config() {
  auto config = tiny_config();
  config.model.dropout = 0;
  config.diffusion.num_train_timesteps = 10;
  config.diffusion.beta_schedule = BetaSchedule::kCosine;
  config.diffusion.variance = Variance::kLearnedRange;
  config.train.loss = Objective::kHybrid;
  config.train.vlb_weight = 0.1;
  config.train.batch_size = 16;
  config.train.gradient_accumulation_steps = 1;
  config.train.lr = 4e-3;
  return config;
}

torch::Tensor train_toy(const Config& config, TrainingModel& model, const Dataset& data) {
  TrainingStep step(config, data, model, torch::kCPU, 0);
  StepResult result;
  for (int64_t i = 0; i < 300; ++i)
    result = step.run(i, config.train.lr);
  model.net()->eval();
  return result.loss;
}

/// A batch with every timestep many times, and the trained net's answer to it.
NoisyBatch all_timesteps(const Config& config, const Dataset& data) {
  Batch batch;
  const int64_t count = 400;
  auto bytes = torch::empty({count, 1, 8, 8}, torch::kUInt8);
  for (int64_t i = 0; i < count; ++i)
    data.read(i % data.info().images, bytes.data_ptr<uint8_t>() + 64 * i);
  batch.images = bytes.to(torch::kFloat32) / 127.5 - 1;
  batch.labels = torch::arange(count, torch::kInt64) % data.info().images % 3;
  const Noising noising(config);
  noising.draw(batch, 1'000'000);
  batch.timesteps = torch::arange(count, torch::kInt64) % 10;
  return noising.apply(batch, torch::kCPU);
}

TEST(LearnedVariance, ReachesALowerBoundThanFixedOnesOnAToy) {
  const NoiseDataset data(30);
  auto config = complete_config(toy_config(), data.info());
  auto model = make_training_model(config, torch::kCPU);
  train_toy(config, model, data);
  const torch::NoGradGuard no_grad;
  const auto batch = all_timesteps(config, data);
  const auto output = model.net()->forward(batch.x_t, batch.timesteps, batch.labels);
  const auto bits = [&](const torch::Tensor& answer) {
    return TrainingLoss(config, torch::kCPU).bound(batch, answer, false).mean().item<double>();
  };
  const auto mean_half = output.narrow(1, 0, 1);
  const double learned = bits(output);
  const double untrained = bits(torch::cat({mean_half, torch::zeros_like(mean_half)}, 1));
  config.diffusion.variance = Variance::kFixed;
  config.sample.variance_type = VarianceType::kFixedSmall;
  const double small = bits(output);
  config.sample.variance_type = VarianceType::kFixedLarge;
  const double large = bits(output);
  EXPECT_LT(learned, small);
  EXPECT_LT(learned, large);
  EXPECT_LT(learned, untrained);
}

}  // namespace
}  // namespace ddpm
