#pragma once

#include <torch/types.h>

namespace ddpm {

/// What becomes of the gradients of a step, decided on their device.
struct GradientScale {
  torch::Tensor factor;  // float32 scalar, for clipping
  torch::Tensor finite;  // bool scalar: whether the step counts
};

/// For gradients of the norm `norm`, a scalar, to be scaled down to `max_norm` (0: left alone), in
/// a step with this `loss`, a scalar on the same device or undefined. The step counts if both are
/// finite.
GradientScale gradient_scale(const torch::Tensor& norm, double max_norm, const torch::Tensor& loss);

}  // namespace ddpm
