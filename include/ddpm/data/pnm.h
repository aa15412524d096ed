#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_header.h"

namespace ddpm {

/// The header of a binary PGM or PPM (P5, P6). `DataError` starting with `name` if it is broken or
/// of another kind of the family.
ImageHeader pnm_header(std::string_view bytes, const std::string& name);

/// Decodes a binary PGM or PPM; its brightest value, up to 65535, becomes 255. `DataError` starting
/// with `name` if it is broken or ends early.
Image decode_pnm(std::string_view bytes, const std::string& name);

}  // namespace ddpm
