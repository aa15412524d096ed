#pragma once

#include <functional>

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// A class-conditional network: x [N, C, H, W], timestep, labels [N] int64 (undefined for an
/// unconditional one) to its raw output.
using ConditionalDenoiser =
    std::function<torch::Tensor(const torch::Tensor& x, int64_t t, const torch::Tensor& labels)>;

/// The network with fixed labels as a plain denoiser.
Denoiser with_labels(ConditionalDenoiser network, torch::Tensor labels);

/// Classifier-free guidance (Ho and Salimans, 2022): uncond + scale (cond - uncond), both halves in
/// one network call of 2N images. Scale 1 is no guidance and costs N. `null_label` is the label
/// that means "no class".
Denoiser with_guidance(ConditionalDenoiser network, torch::Tensor labels, int64_t null_label,
                       double scale);

}  // namespace ddpm
