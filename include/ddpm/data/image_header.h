#pragma once

#include <cstdint>
#include <string>

#include "ddpm/config/config.h"
#include "ddpm/data/image.h"

namespace ddpm {

/// What the header of an image file tells.
struct ImageHeader {
  ImageSize size;       // as stored, before the image is turned upright
  int orientation = 1;  // EXIF's: 1 to 8, 1 if nothing is told; see `turn_upright`
};

/// The largest `data.max_image_pixels`.
inline constexpr int64_t kMostImagePixels = 250'000'000;

/// What an image file may take at most; the other limits follow from the number of pixels.
struct ImageLimits {
  int64_t pixels = DataConfig().max_image_pixels;

  /// Most bytes of the file, and most bytes that decoding may take beside it.
  uint64_t bytes() const { return uint64_t{8} * static_cast<uint64_t>(pixels); }
};

/// `DataError` starting with `name` if an image of this size has no pixels, or more than the limits
/// allow.
void check_image_size(const ImageSize& size, const ImageLimits& limits, const std::string& name);

/// `DataError` starting with `name` if it takes more than the limits allow to decode `pixels`, of
/// which the decoder keeps `bytes_each` at a time.
void check_decoding_memory(uint64_t pixels, uint64_t bytes_each, const ImageLimits& limits,
                           const std::string& name);

/// `DataError` starting with `name` if a file of `bytes` is larger than the limits allow.
void check_file_bytes(uint64_t bytes, const ImageLimits& limits, const std::string& name);

}  // namespace ddpm
