#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of a WebP, or of its first bytes. `DataError` starting with `name` if it is broken.
ImageHeader webp_header(std::string_view bytes, const std::string& name);

/// Decodes a WebP by libwebp to red, green, blue and alpha, `4 * height * width` bytes as stored;
/// of an animation its first frame. `DataError` starting with `name` if it is broken.
std::vector<uint8_t> decode_webp(std::string_view bytes, const std::string& name);

}  // namespace ddpm
