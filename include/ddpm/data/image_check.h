#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// One piece of a PNG file; the views point into the file.
struct PngChunk {
  std::string_view type;  // 4 letters
  std::string_view data;
};

/// The chunks of a PNG from IHDR to IEND. `DataError` starting with `name` if one ends past the
/// file, has a wrong checksum, or must be understood and is not known.
std::vector<PngChunk> png_chunks(std::string_view bytes, const std::string& name);

/// Checks that a PNG, JPEG, GIF or BMP is whole, as far as that can be told without decoding:
/// stb_image fills what is missing with zeros and looks at no checksum. Of a GIF that means its
/// first frame. `DataError` starting with `name` if it is not, cannot hold the pixels that its
/// header tells, or would take more to decode than the limits allow.
void check_complete(std::string_view bytes, const ImageLimits& limits, const std::string& name);

}  // namespace ddpm
