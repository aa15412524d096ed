#pragma once

#include <torch/types.h>

#include "ddpm/model/resnet_block.h"

namespace ddpm {

/// Runs the block as it is.
torch::Tensor run_block(ResnetBlockImpl& block, const torch::Tensor& input,
                        const torch::Tensor& temb);

/// Runs the block without keeping its activations and computes them again in the backward pass
/// (Chen et al., "Training deep nets with sublinear memory cost", 2016). Dropout draws the same
/// mask both times. Gradients are those of `run_block` up to rounding: the
/// two paths through the block are added before, not after, what comes over the U-Net's skips.
torch::Tensor run_block_checkpointed(ResnetBlockImpl& block, const torch::Tensor& input,
                                     const torch::Tensor& temb);

}  // namespace ddpm
