#pragma once

#include <cstdint>

#include <torch/types.h>

namespace ddpm {

/// How many scales images of this size allow: each halves the image, the last must hold the
/// window of 11 pixels, and there are at most 5. 2 for 22 to 43 pixels, 3 from 44, 5 from 176; 0 if
/// the image is smaller than the window.
int64_t ms_ssim_scales(int64_t height, int64_t width);

/// Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003) of each pair of 8-bit
/// images [N, C, H, W], float64 [N]: Gaussian window of 11 pixels with deviation 1.5, no padding,
/// `scales` of the five published weights, made to add up to 1. 1 for equal images; the mean over
/// channels. Negative terms count as 0. `DataError` if the images are too small for the scales or
/// their shapes differ.
torch::Tensor ms_ssim(const torch::Tensor& a, const torch::Tensor& b, int64_t scales);

}  // namespace ddpm
