#include "ddpm/samplers/inversion.h"

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/levels.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

SampleConfig ddim(int64_t steps, TimestepSpacing spacing = TimestepSpacing::kAuto) {
  SampleConfig options;
  options.steps = steps;
  options.timestep_spacing = spacing;
  options.clip_sample = false;
  return options;
}

ProcessPtr process_with(ProcessType type, PredictionType prediction = PredictionType::kEpsilon) {
  DiffusionConfig diffusion;
  diffusion.process = type;
  diffusion.prediction_type = prediction;
  return make_process(diffusion);
}

struct Inverted {
  torch::Tensor noise;
  torch::Tensor image;  // drawn from the noise
  int64_t calls;
};

Inverted there_and_back(const Process& process, const SampleConfig& options,
                        const Denoiser& denoise, Inversion method, const torch::Tensor& x0) {
  int64_t calls = 0;
  SamplerInputs inputs{.process = process,
                       .options = options,
                       .levels = sampling_levels(process, options),
                       .denoise = denoise,
                       .noise = [](int64_t) { return one(0); },
                       .on_step = [&](int64_t) { ++calls; }};
  const auto noise = invert(inputs, method, x0);
  inputs.on_step = [](int64_t) {};
  return {noise, run_sampler(inputs, noise), calls};
}

/// The linear schedule, uniform, N(0, .25), image .7.
Inverted gaussian_inversion(int64_t steps, Inversion method) {
  return there_and_back(*process_with(ProcessType::kDiscrete),
                        ddim(steps, TimestepSpacing::kUniform), gaussian_denoiser(0, .25), method,
                        one(.7));
}

TEST(DdimInversion, EndsWhereTheOracleSays) {
  const auto coarse = gaussian_inversion(50, Inversion::kDdim);
  EXPECT_NEAR(coarse.noise.item<double>(), 1.40231829, 1e-8);
  EXPECT_NEAR(coarse.image.item<double>(), .66251001, 1e-8);
  EXPECT_EQ(coarse.calls, 50);
  const auto fine = gaussian_inversion(1000, Inversion::kDdim);
  EXPECT_NEAR(fine.image.item<double>(), .69813259, 1e-8);
}

TEST(FixedPointInversion, OfGaussianDataIsExact) {
  const auto result = gaussian_inversion(50, Inversion::kFixedPoint);
  EXPECT_NEAR(result.image.item<double>(), .7, 1e-9);
  EXPECT_LE(result.calls, 150);
}

/// Two Gaussians of standard deviation .3 in a plane, far from the one that the slope is made for.
Denoiser two_hills() {
  return [](const torch::Tensor& x, const NoiseLevel& level) -> Prediction {
    const double variance = level.alpha * level.alpha * .09 + level.sigma * level.sigma;
    const auto posterior = [&](double mean) {
      return (.09 * level.alpha * x + level.sigma * level.sigma * mean) / variance;
    };
    const auto share =
        torch::sigmoid(level.alpha * x.sum({2, 3}, true) / variance);  // of means +-.5
    const auto x0 = share * posterior(.5) + (1 - share) * posterior(-.5);
    return {.x0 = x0, .eps = noise_between(level, x0, x)};
  };
}

TEST(FixedPointInversion, ReproducesImagesOfEveryProcessAndPrediction) {
  torch::manual_seed(1);
  const auto x0 = torch::randn({8, 1, 1, 2}, torch::kFloat64) * .6;
  const auto error = [&](const Process& process, Inversion method) {
    const auto result = there_and_back(process, ddim(20), two_hills(), method, x0);
    return (result.image - x0).square().mean().sqrt().item<double>();
  };
  for (const auto& type : kNames<ProcessType>) {
    for (const auto& prediction : kNames<PredictionType>) {
      const auto process = process_with(type.value, prediction.value);
      EXPECT_LT(error(*process, Inversion::kFixedPoint), 1e-4) << type.name;
      EXPECT_GT(error(*process, Inversion::kDdim), 1e-3) << type.name;
      EXPECT_LT(error(*process, Inversion::kDdim), 0.5) << type.name;
    }
  }
}

TEST(FixedPointInversion, InvertsClippingToo) {
  SampleConfig options = ddim(20);
  options.clip_sample = true;
  const auto x0 = torch::tensor({-1.0, -.5, .9, 1.0}, torch::kFloat64).view({4, 1, 1, 1});
  const auto result = there_and_back(*process_with(ProcessType::kDiscrete), options,
                                     with_clipping(gaussian_denoiser(.2, .25), options),
                                     Inversion::kFixedPoint, x0);
  EXPECT_LT((result.image - x0).abs().max().item<double>(), 1e-4);
}

TEST(FixedPointInversion, GoesUpToPureNoise) {
  DiffusionConfig diffusion;
  diffusion.prediction_type = PredictionType::kVPrediction;
  diffusion.rescale_betas_zero_snr = true;
  const auto result = there_and_back(*make_process(diffusion), ddim(20), gaussian_denoiser(.3, .09),
                                     Inversion::kFixedPoint, one(.7));
  EXPECT_NEAR(result.image.item<double>(), .7, 1e-4);
}

TEST(FixedPointInversion, OfAnImageDoesNotDependOnItsNeighbours) {
  const auto x0 = torch::tensor({-1.5, .7, .1, 3.0}, torch::kFloat64).view({4, 1, 1, 1});
  const auto process = process_with(ProcessType::kEdm);
  const auto noise = [&](const torch::Tensor& images) {
    return there_and_back(*process, ddim(12), two_hills(), Inversion::kFixedPoint, images).noise;
  };
  const auto all = noise(x0);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(torch::equal(noise(x0.narrow(0, i, 1)), all.narrow(0, i, 1))) << i;
}

}  // namespace
}  // namespace ddpm
