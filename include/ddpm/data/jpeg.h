#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of a JPEG. `DataError` starting with `name` if it is broken or of a kind that is not
/// read: 12 bits, lossless, hierarchical, arithmetic coding.
ImageHeader jpeg_header(std::string_view bytes, const std::string& name);

/// Decodes a JPEG by libjpeg to grey or RGB, as stored. CMYK and YCCK are taken as inverted, as
/// Adobe writes them and browsers read them, with and without Adobe's marker. `DataError` starting
/// with `name` if it is broken, also where libjpeg would fill in what is missing.
Image decode_jpeg(std::string_view bytes, const std::string& name);

}  // namespace ddpm
