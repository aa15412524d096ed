#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/kernels/group_norm.h"

namespace ddpm {

/// `torch::nn::GroupNorm` with learned scale and shift: holder of the parameters.
torch::nn::GroupNorm make_group_norm(int64_t groups, int64_t channels, double eps);

/// Normalizes with the module's parameters, then the activation; see `group_norm`.
torch::Tensor normalize(const torch::nn::GroupNorm& norm, const torch::Tensor& x,
                        Activation activation, const Modulation& modulation = {});

/// `normalize` with SiLU, then the convolution, keeping little for the backward pass; see
/// `group_norm_convolution`.
torch::Tensor normalize_and_convolve(const torch::nn::GroupNorm& norm, const torch::Tensor& x,
                                     const torch::nn::Conv2d& conv,
                                     const Modulation& modulation = {});

}  // namespace ddpm
