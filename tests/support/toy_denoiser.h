#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// The exact denoiser of data N(mean, variance).
inline Denoiser gaussian_denoiser(double mean, double variance) {
  return [=](const torch::Tensor& x, const NoiseLevel& level) -> Prediction {
    const double total = level.alpha * level.alpha * variance + level.sigma * level.sigma;
    return {.x0 = (variance * level.alpha * x + level.sigma * level.sigma * mean) / total,
            .eps = level.sigma * (x - level.alpha * mean) / total};
  };
}

/// The exact denoiser of equally likely points.
inline Denoiser memorising_denoiser(const torch::Tensor& points) {
  return [=](const torch::Tensor& x, const NoiseLevel& level) -> Prediction {
    const auto distance = (x.view({-1, 1}) - level.alpha * points).square();
    const auto weights = torch::softmax(-distance / (2 * level.sigma * level.sigma), 1);
    const auto x0 = (weights * points).sum(1).view_as(x);
    return {.x0 = x0, .eps = noise_between(level, x0, x)};
  };
}

/// One number as a batch of images.
inline torch::Tensor one(double x) {
  return torch::full({1, 1, 1, 1}, x, torch::kFloat64);
}

/// Where the sampler ends from x, without noise.
inline double end_of(const Process& process, const SampleConfig& options,
                     std::vector<NoiseLevel> levels, const Denoiser& denoise, double x) {
  const SamplerInputs inputs{.process = process,
                             .options = options,
                             .levels = std::move(levels),
                             .denoise = denoise,
                             .noise = [](int64_t) { return one(0.0); }};
  return run_sampler(inputs, one(x)).item<double>();
}

/// Variance of the end of a linear chain that starts with `start_variance`: propagates x without
/// noise, and each noise alone.
inline double final_variance(const Process& process, const SampleConfig& options,
                             const std::vector<NoiseLevel>& levels, const Denoiser& denoise,
                             double start_variance) {
  const auto run = [&](double start, int64_t noisy_step) {
    const SamplerInputs inputs{
        .process = process,
        .options = options,
        .levels = levels,
        .denoise = denoise,
        .noise = [&](int64_t step) { return one(step == noisy_step ? 1.0 : 0.0); }};
    return run_sampler(inputs, one(start)).item<double>();
  };
  double variance = start_variance * std::pow(run(1.0, -1), 2);
  for (int64_t step = 0; step + 1 < static_cast<int64_t>(levels.size()); ++step)
    variance += std::pow(run(0.0, step), 2);
  return variance;
}

}  // namespace ddpm
