#include "ddpm/train/objectives/denoising.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"
#include "tests/support/batches.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

Config settings(double label_dropout = 0.0) {
  Config config;
  config.model = tiny_model().model;
  config.signature = tiny_model().signature;
  config.train.label_dropout = label_dropout;
  config.train.seed = 1;
  return config;
}

/// Two timesteps, the second of which has three times the loss of the first.
Config settings_with_losses() {
  auto config = settings();
  config.diffusion.num_train_timesteps = 2;
  config.train.timestep_sampler = TimestepSampler::kLossSecondMoment;
  return config;
}

NamedTensors seen_losses() {
  LossSecondMoment losses(2);
  for (int i = 0; i < 10; ++i)
    losses.update(std::vector<int64_t>{0, 1}, std::vector<double>{1.0, 3.0});
  return {{"losses", losses.history()}, {"counts", losses.counts()}};
}

TEST(Denoising, LabelsDependOnThePlaceNotOnTheBatch) {
  const Denoising denoising(settings(0.5), torch::kCPU);
  const auto whole = inputs_of(denoising, batch_of(8), 100);
  const auto part = inputs_of(denoising, batch_of(4), 104);
  EXPECT_TRUE(torch::equal(whole.at("labels").narrow(0, 4, 4), part.at("labels")));
}

TEST(Denoising, TargetOfEpsilonIsTheNoiseInTheImage) {
  const Denoising denoising(settings(), torch::kCPU);
  const auto batch = batch_of(4);
  const auto inputs = inputs_of(denoising, batch, 0);
  const NoiseSchedule schedule{DiffusionConfig()};
  for (int64_t i = 0; i < 4; ++i) {
    const double a = schedule.alpha_bar(inputs.at("timesteps")[i].item<int64_t>());
    const auto expected = std::sqrt(a) * batch.x[i] + std::sqrt(1 - a) * inputs.at("target")[i];
    EXPECT_TRUE(torch::allclose(inputs.at("x_t")[i], expected, 1e-5, 1e-6));
  }
}

TEST(Denoising, TargetHoldsTheOffsetOfTheNoise) {
  auto config = settings();
  config.train.noise_offset = 0.3;
  const Denoising denoising(config, torch::kCPU);
  auto batch = batch_of(torch::zeros({5, 2, 4, 4}));
  denoising.draw(batch, 0);
  EXPECT_TRUE(torch::equal(denoising.prepare(batch).at("target"), batch.drawn.at("noise")));
}

TEST(Denoising, DropsTheShareOfLabelsThatItIsToldTo) {
  const Denoising denoising(settings(0.25), torch::kCPU);
  auto batch = batch_of(torch::zeros({4000, 1, 1, 1}));
  batch.labels = torch::ones({4000}, torch::kInt64);
  const auto labels = inputs_of(denoising, batch, 0).at("labels");
  EXPECT_NEAR((labels == 3).to(torch::kFloat64).mean().item<double>(), 0.25, 0.03);
}

TEST(Denoising, UnconditionalModelsGetNoLabels) {
  auto config = settings(0.1);
  config.signature.classes = 0;
  config.signature.null_label.reset();
  const Denoising denoising(config, torch::kCPU);
  EXPECT_FALSE(inputs_of(denoising, batch_of(2), 0).contains("labels"));
}

TEST(Denoising, EdmAsksForATargetOfUnitVariance) {
  auto config = settings();
  config.diffusion.process = ProcessType::kEdm;
  const Denoising denoising(config, torch::kCPU);
  const auto images = torch::randn({4000, 1, 2, 2}) * config.diffusion.sigma_data;
  const auto inputs = inputs_of(denoising, batch_of(images), 0);
  EXPECT_NEAR(inputs.at("target").std().item<double>(), 1.0, 0.03);
  EXPECT_FALSE(inputs.contains("weights"));
}

TEST(Denoising, FlowsPathIsStraight) {
  auto config = settings();
  config.diffusion.process = ProcessType::kFlow;
  const Denoising denoising(config, torch::kCPU);
  const auto batch = batch_of(64);
  const auto inputs = inputs_of(denoising, batch, 0);
  const auto sigma = (inputs.at("timesteps") / 1000.0).view({64, 1, 1, 1});
  EXPECT_TRUE(torch::allclose(inputs.at("x_t"), batch.x + sigma * inputs.at("target"), 1e-5, 1e-5));
  EXPECT_GT(sigma.max().item<double>(), 0.9);
  EXPECT_LT(sigma.min().item<double>(), 0.1);
}

TEST(Denoising, TimestepsFromLossesComeWithWeights) {
  Denoising denoising(settings_with_losses(), torch::kCPU);
  denoising.load_state(seen_losses(), "checkpoint");
  const auto inputs = inputs_of(denoising, batch_of(torch::zeros({2000, 1, 1, 1})), 0);
  const auto& timesteps = inputs.at("timesteps");
  EXPECT_NEAR(timesteps.to(torch::kFloat64).mean().item<double>(), 0.75, 0.03);
  LossSecondMoment losses(2);
  losses.load(seen_losses().at("losses"), seen_losses().at("counts"), "checkpoint");
  EXPECT_EQ(inputs.at("importance")[timesteps.argmax().item<int64_t>()].item<float>(),
            static_cast<float>(losses.weight(1)));
}

TEST(Denoising, LearnsTheLossesThatItNotesOnceTheStepEnds) {
  Denoising denoising(settings_with_losses(), torch::kCPU);
  const auto timesteps = torch::tensor({int64_t{1}, int64_t{0}});
  denoising.note({{"timesteps", timesteps}}, torch::tensor({5.0F, 7.0F}));
  denoising.note({{"timesteps", timesteps}}, torch::tensor({6.0F, NAN}));
  EXPECT_EQ(denoising.state().at("counts").sum().item<int64_t>(), 0);
  denoising.end_step(single_rank());
  const auto losses = denoising.state().at("losses");
  EXPECT_EQ(denoising.state().at("counts").sum().item<int64_t>(), 3);
  EXPECT_EQ(losses[1][0].item<double>(), 5.0);
  EXPECT_EQ(losses[1][1].item<double>(), 6.0);
  EXPECT_EQ(losses[0][0].item<double>(), 7.0);
}

TEST(Denoising, WithoutTheLossesThatItNeedsItDoesNotGoOn) {
  Denoising denoising(settings_with_losses(), torch::kCPU);
  expect_error<CheckpointError>([&] { denoising.load_state({}, "checkpoint"); },
                                "checkpoint: the losses");
  Denoising plain(settings(), torch::kCPU);
  EXPECT_NO_THROW(plain.load_state({}, "checkpoint"));
  EXPECT_TRUE(plain.state().empty());
}

}  // namespace
}  // namespace ddpm
