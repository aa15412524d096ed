#pragma once

#include <vector>

#include <torch/types.h>

#include "ddpm/kernels/group_norm.h"

namespace ddpm {

/// A convolution of two dimensions without dilation and groups.
struct Convolution {
  torch::Tensor weight;  // [out, in, kernel height, kernel width]
  torch::Tensor bias;    // [out]
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;
};

/// `group_norm` and a convolution of its result, with gradients for all inputs.
///
/// On the CPU nothing but x and its statistics is kept for the backward pass, which makes the
/// normalized images again: half of what a residual block would keep, for about a hundredth of a
/// training step. Elsewhere the two operators follow one another.
torch::Tensor group_norm_convolution(const torch::Tensor& x, const Modulation& modulation,
                                     const torch::Tensor& norm_weight,
                                     const torch::Tensor& norm_bias,
                                     const GroupNormOptions& options,
                                     const Convolution& convolution);

}  // namespace ddpm
