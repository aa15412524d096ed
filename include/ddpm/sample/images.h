#pragma once

#include <vector>

#include <torch/types.h>

#include "ddpm/data/image_io.h"

namespace ddpm {

/// `DivergedError` with what to do if drawn images hold a NaN or an infinity, which pictures would
/// show as black and white.
void check_finite_images(const torch::Tensor& images);

/// Images of 8 bits, [N, H, W, C], as a list.
std::vector<Image> unpack_images(const torch::Tensor& bytes);

/// [N, C, H, W] in [-1, 1] as a list of 8-bit images.
std::vector<Image> to_images(const torch::Tensor& images);

/// Columns for a grid of `count` images: one for each class if there are a few, else about a
/// square.
int64_t grid_columns(int64_t count, int64_t classes);

}  // namespace ddpm
