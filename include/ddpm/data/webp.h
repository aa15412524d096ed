#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of a WebP, or of its first bytes. `DataError` starting with `name` if it is broken.
ImageHeader webp_header(std::string_view bytes, const std::string& name);

/// Decodes a WebP by libwebp to RGB, as stored, laid over white; of an animation its first frame.
/// `DataError` starting with `name` if it is broken or exceeds the limits.
Image decode_webp(std::string_view bytes, const ImageLimits& limits, const std::string& name);

}  // namespace ddpm
