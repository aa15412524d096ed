#pragma once

#include <torch/types.h>

#include "ddpm/kernels/group_norm.h"

namespace ddpm {

// The passes of the fused group normalization on the CPU, without autograd: what `group_norm` and
// `group_norm_convolution` are made of.

/// True for what the passes take: float32 or bfloat16 images on the CPU, channels last.
bool is_fused_group_norm(const torch::Tensor& x);

/// Arguments of `group_norm`.
struct GroupNormInputs {
  torch::Tensor x;
  Modulation modulation;
  torch::Tensor weight;
  torch::Tensor bias;
  GroupNormOptions options;
};

/// Of each image and group, float32 [N, groups].
struct GroupNormStatistics {
  torch::Tensor mean;
  torch::Tensor rstd;
};

struct GroupNormResult {
  torch::Tensor y;
  GroupNormStatistics statistics;
};

GroupNormResult group_norm_forward(const GroupNormInputs& inputs);

/// The same y again, from the statistics.
torch::Tensor group_norm_again(const GroupNormInputs& inputs,
                               const GroupNormStatistics& statistics);

/// Gradients of all inputs, in their types; those of a modulation that is not there are undefined.
struct GroupNormInputGradients {
  torch::Tensor x;
  torch::Tensor shift;
  torch::Tensor scale_shift;
  torch::Tensor weight;
  torch::Tensor bias;
};
GroupNormInputGradients group_norm_backward(const GroupNormInputs& inputs,
                                            const GroupNormStatistics& statistics,
                                            const torch::Tensor& dy);

}  // namespace ddpm
