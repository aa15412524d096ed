#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ddpm {

/// The orientation that EXIF data tell, from the byte order mark on (the layout of TIFF 6.0, tag
/// 274 of the first directory): 1 to 8, and 1 if they tell none or are broken.
int exif_orientation(std::string_view exif);

/// Gives at most `length` bytes of a file from `offset`; fewer at its end.
using ReadAt = std::function<std::string(uint64_t offset, size_t length)>;

/// The orientation of a PNG, from its eXIf chunk wherever that stands. Reads the heads of chunks,
/// not the pixels.
int png_orientation(const ReadAt& read_at);

/// The orientation of a WebP, from its EXIF chunk, likewise.
int webp_orientation(const ReadAt& read_at);

}  // namespace ddpm
