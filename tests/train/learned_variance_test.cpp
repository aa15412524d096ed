#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/train/objectives/denoising.h"
#include "ddpm/train/objectives/prediction_loss.h"
#include "ddpm/train/plan.h"
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
  config.train.loss = DenoisingLoss::kHybrid;
  config.train.vlb_weight = 0.1;
  config.train.batch_size = 16;
  config.train.gradient_accumulation_steps = 1;
  config.train.lr = 4e-3;
  return config;
}

torch::Tensor train_toy(const Config& config, TrainingModel& model, const TrainingData& data) {
  TrainingStep step(config, data, model, torch::kCPU);
  StepResult result;
  for (int64_t i = 0; i < 300; ++i)
    result = step.run(i, config.train.lr);
  model.net()->eval();
  return result.loss;
}

/// The inputs of a batch with every timestep many times.
StepInputs all_timesteps(const Config& config, const TrainingData& data) {
  Batch batch;
  const int64_t count = 400;
  batch.x = torch::empty({count, 1, 8, 8});
  for (int64_t i = 0; i < count; ++i)
    data.fill(i % data.size(), i, batch.x.data_ptr<float>() + 64 * i);
  batch.labels = torch::arange(count, torch::kInt64) % data.size() % 3;
  const Denoising denoising(config, torch::kCPU);
  denoising.draw(batch, 1'000'000);
  batch.drawn["timesteps"] = torch::arange(count, torch::kInt64) % 10;
  return denoising.prepare(batch);
}

TEST(LearnedVariance, ReachesALowerBoundThanFixedOnesOnAToy) {
  const NoiseData data(30);
  auto config = complete_config(toy_config(), data);
  auto model = make_training_model(config, torch::kCPU);
  train_toy(config, model, data);
  const torch::NoGradGuard no_grad;
  const auto inputs = all_timesteps(config, data);
  const auto output =
      model.net()->forward(inputs.at("x_t"), inputs.at("timesteps"), {inputs.at("labels")});
  const auto bits = [&](const torch::Tensor& answer) {
    return PredictionLoss(config, torch::kCPU).bound(inputs, answer, false).mean().item<double>();
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
