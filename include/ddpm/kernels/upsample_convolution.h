#pragma once

#include <torch/types.h>

namespace ddpm {

/// The convolution with padding 1 of `x` [N, C, H, W] enlarged to twice its sides (nearest
/// neighbour), with gradients for all inputs: [N, O, 2H, 2W] for a `weight` [O, C, 3, 3] and a
/// `bias` [O].
///
/// Each pixel appears four times, so that of the nine products of an output five are spared by
/// adding weights instead. On the CPU, for float32 and bfloat16 in channels-last layout, the
/// enlarged image is never made; elsewhere it is `upsample_convolution_reference`.
torch::Tensor upsample_convolution(const torch::Tensor& x, const torch::Tensor& weight,
                                   const torch::Tensor& bias);

/// The same in plain ATen operators.
torch::Tensor upsample_convolution_reference(const torch::Tensor& x, const torch::Tensor& weight,
                                             const torch::Tensor& bias);

}  // namespace ddpm
