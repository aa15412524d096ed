#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_format.h"
#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of a PNG, GIF or BMP; its orientation is not looked for. `DataError` starting with
/// `name` if it is broken.
ImageHeader stb_header(std::string_view bytes, const std::string& name);

/// Decodes a PNG, GIF or BMP that `check_complete` has let pass, by stb_image, to grey or RGB, as
/// stored, laid over white. Of a GIF that is the first frame; what it leaves free is transparent.
/// `DataError` starting with `name` if it is broken.
Image decode_by_stb(std::string_view bytes, ImageFormat format, const std::string& name);

}  // namespace ddpm
