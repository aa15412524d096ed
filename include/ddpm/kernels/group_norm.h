#pragma once

#include <torch/types.h>

namespace ddpm {

enum class Activation { kNone, kSilu };

struct GroupNormOptions {
  int64_t groups = 1;
  double eps = 1e-6;
  Activation activation = Activation::kSilu;
};

/// What a time embedding does to a normalization; either may be undefined.
struct Modulation {
  torch::Tensor shift;        // [N, C], added to every pixel before it
  torch::Tensor scale_shift;  // [N, 2C], s and t: the result becomes result (1 + s) + t
};

/// Group normalization of x + shift, scale and shift by the modulation, then the activation, with
/// gradients for all inputs.
///
/// `x` is [N, C, H, W]; `weight` and `bias` are [C] float32. Gives the type and layout of `x`.
/// Statistics and arithmetic are float32 (Wu and He, "Group normalization", 2018).
///
/// On the CPU, for float32 and bfloat16 in channels-last layout, this is one fused operator that
/// keeps nothing but x and the statistics for the backward pass; elsewhere it is
/// `group_norm_reference`.
torch::Tensor group_norm(const torch::Tensor& x, const Modulation& modulation,
                         const torch::Tensor& weight, const torch::Tensor& bias,
                         const GroupNormOptions& options);

/// The same in plain ATen operators.
torch::Tensor group_norm_reference(const torch::Tensor& x, const Modulation& modulation,
                                   const torch::Tensor& weight, const torch::Tensor& bias,
                                   const GroupNormOptions& options);

}  // namespace ddpm
