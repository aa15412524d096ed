#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/samplers/denoiser.h"

namespace ddpm {

/// Standard normal noise [N, C, H, W] for step i of the sampler, i = 0 at the noisy end.
using NoiseSource = std::function<torch::Tensor(int64_t step)>;

/// Called before each network call with the step's number; may throw to stop.
using StepObserver = std::function<void(int64_t step)>;

/// All that a sampler works with.
struct SamplerInputs {
  const Process& process;
  const SampleConfig& options;
  std::vector<NoiseLevel> levels;  // as `sampling_levels`: one more than there are steps
  Denoiser denoise;
  NoiseSource noise;
  StepObserver on_step = [](int64_t) {};
};

/// Denoises `x` [N, C, H, W], which is of the first level, to the last level with the sampler that
/// the options name; see `check_sample` for what does not go together.
///
/// Adding a sampler takes one function and one row in the table of sampler.cpp; most are a rule for
/// the weights of a linear step (see linear.h).
torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x);

/// Whether the sampler divides by alpha, and so cannot start from pure noise of alpha = 0.
bool needs_signal(SamplerType sampler, ProcessType process);

/// Whether diffusers' multistep rules of spacing hold for the sampler.
bool is_multistep(SamplerType sampler);

/// Whether the sampler's timesteps of the spacing linspace are not rounded, as in diffusers.
bool has_fractional_linspace(SamplerType sampler);

/// Network calls for each image, guidance aside.
int64_t network_calls(const Process& process, const SampleConfig& options);

}  // namespace ddpm
