#pragma once

#include <functional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/process.h"

namespace ddpm {

/// What the images x [N, C, H, W] of a noise level are thought to be made of.
using Denoiser = std::function<Prediction(const torch::Tensor& x, const NoiseLevel& level)>;

/// A network's raw output for images x of a noise level, which it scales and is told as its
/// process says.
using RawDenoiser = std::function<torch::Tensor(const torch::Tensor& x, const NoiseLevel& level)>;

/// The network as a denoiser of its process, which must outlive it.
Denoiser make_denoiser(const Process& process, RawDenoiser network);

/// Keeps predicted images in range: `clip_sample` at +-clip_sample_range, or `thresholding`: at the
/// quantile `dynamic_thresholding_ratio` of each image's absolute values, at least 1 and at most
/// `sample_max_value`, by which it is divided (Saharia et al., 2022). With
/// `use_clipped_model_output` the noise is derived again from the new image.
Denoiser with_clipping(Denoiser denoise, const SampleConfig& options);

}  // namespace ddpm
