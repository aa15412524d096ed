#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/noise_schedule.h"

namespace ddpm {

/// A network's raw output for noisy images x [N, C, H, W] at timestep t.
using Denoiser = std::function<torch::Tensor(const torch::Tensor& x, int64_t t)>;

/// Standard normal noise [N, C, H, W] for step i of the sampler, i = 0 at the noisy end.
using NoiseSource = std::function<torch::Tensor(int64_t step)>;

/// Called before each network call with the step's number; may throw to stop.
using StepObserver = std::function<void(int64_t step)>;

/// All that a sampler works with.
struct SamplerInputs {
  const NoiseSchedule& schedule;
  PredictionType prediction_type = PredictionType::kEpsilon;
  const SampleConfig& options;
  Denoiser denoise;
  NoiseSource noise;
  StepObserver on_step = [](int64_t) {};
};

/// Denoises `x_T` [N, C, H, W] with the sampler that the options name.
///
/// Adding a sampler takes one function of this signature and one row in the table of sampler.cpp.
/// All take the previous timestep from the list of timesteps, end at alpha_bar = 1, and add no
/// noise in the last step.
torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x_T);

}  // namespace ddpm
