#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/dataset.h"

namespace ddpm {

/// [N, C, H, W] in [-1, 1] to 8 bits, [N, H, W, C]: round((x + 1) / 2 * 255), clamped. One or three
/// channels only.
torch::Tensor to_uint8(const torch::Tensor& images);

/// 8 bits to [-1, 1], float32, of any shape: b (2 / 255) - 1, as `pixel_to_unit`.
torch::Tensor from_uint8(const torch::Tensor& bytes);

/// The images of these numbers, uint8 [N, C, H, W]. `DataError` naming the file of one that cannot
/// be decoded.
torch::Tensor read_images(const Dataset& dataset, std::span<const int64_t> numbers);

/// The classes of the images of these numbers, -1 where there are no labels.
std::vector<int64_t> read_labels(const Dataset& dataset, std::span<const int64_t> numbers);

}  // namespace ddpm
