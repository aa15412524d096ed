#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/likelihood.h"
#include "ddpm/eval/batch_denoiser.h"

namespace ddpm {

struct BoundOptions {
  VarianceType variance = VarianceType::kFixedLarge;  // of the reverse process
  bool clip_denoised = true;  // predicted images at +-1, as the published numbers have it
  Decoder decoder = Decoder::kDiscretized;
  /// 0: every step of the chain. Else the steps above 0 are cut into this many parts of about equal
  /// length, one step is drawn from each, and its term counts for the part: unbiased, and cheaper.
  int64_t draws = 0;
};

/// Random numbers of the bound, each a pure function of what is asked.
struct BoundNoise {
  /// Noise [N, C, H, W] for the images at their steps [N].
  std::function<torch::Tensor(const torch::Tensor& steps)> normal;
  /// A number in [0, 1) for each image of the batch, for draw `part`; unused when all steps are
  /// taken.
  std::function<std::vector<double>(int64_t part)> uniform;
};

/// One term of each image's bound.
struct BoundTerm {
  torch::Tensor steps;  // [N] int64, on the CPU
  torch::Tensor bits;   // [N] float64, bits per dimension, on the CPU
  double weight = 1.0;  // how many steps of the chain it stands for
};

/// Evenly spaced timesteps from 0 to the last, rising: `steps` of the schedule's, or all of them if
/// `steps` is 0 (improved-diffusion's respacing).
std::vector<int64_t> bound_timesteps(int64_t num_train_timesteps, int64_t steps);

/// The terms of the variational bound of images x0 [N, C, H, W] float64 in [-1, 1], which add up,
/// each times its weight, with `VariationalBound::prior_term` to the bound: L_0 first, then upward.
/// `bound` must be float64. `on_term` takes them one by one.
void variational_terms(const Process& process, const VariationalBound& bound,
                       const BatchDenoiser& denoise, const torch::Tensor& x0,
                       const BoundNoise& noise, const BoundOptions& options,
                       const std::function<void(const BoundTerm&)>& on_term);

}  // namespace ddpm
