#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of the first image of a TIFF, from the whole file. `DataError` starting with `name`
/// if it is broken, or of a kind that is not read: floating point, more than 16 bits, compressed
/// otherwise than by LZW, Deflate or PackBits.
ImageHeader tiff_header(std::string_view bytes, const std::string& name);

/// Decodes the first image of a TIFF by libtiff to grey or RGB, as stored, laid over white. 16 bits
/// are cut to 8. `DataError` starting with `name` if it is broken or exceeds the limits.
Image decode_tiff(std::string_view bytes, const ImageLimits& limits, const std::string& name);

}  // namespace ddpm
