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
/// Adding a sampler takes one function and its row in the table of sampler.cpp, its word in names.h
/// and its row in config/sampler_traits.cpp; most are a rule for the weights of a linear step (see
/// linear.h).
torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x);

/// Places in a list of noise levels.
struct LevelRange {
  size_t first;
  size_t last;
};

/// The same as a part of a run, from one of its levels to another: multistep solvers begin anew,
/// `s_churn` means as much for a step as in the whole run, and noise and observer are told
/// `number` + i for step i of the part.
torch::Tensor run_sampler_part(const SamplerInputs& inputs, LevelRange range, int64_t number,
                               const torch::Tensor& x);

/// Whether the options add no noise on the way, so that the start decides the image.
bool is_deterministic(const SampleConfig& options);

/// Network calls for each image, guidance aside.
int64_t network_calls(const Process& process, const SampleConfig& options);

}  // namespace ddpm
