#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ddpm/data/image.h"
#include "ddpm/data/image_header.h"

namespace ddpm {

/// The extents of an image held in memory, as it is seen: after EXIF's orientation. `DataError`
/// starting with `name` if it is in none of the formats of `ImageFormat`, broken, or larger than
/// the limits.
ImageSize probe_image(std::string_view bytes, const std::string& name,
                      const ImageLimits& limits = {});

/// Those of a file, of which it reads no more than it must; see `probe_image`.
ImageSize probe_image_file(const std::filesystem::path& path, const ImageLimits& limits = {});

/// Decodes an image held in memory to `channels` (1, 3, or 0 for those it has), as viewers show it,
/// whatever its file is called. It is turned upright as its EXIF data tell (broken ones are
/// ignored), transparent pixels are laid over white, CMYK becomes RGB, 16 bits are cut to 8, and of
/// several images or frames the first is taken. `DataError` starting with `name` if it is broken,
/// which includes a wrong checksum or an early end, or larger than the limits.
Image decode_image(std::string_view bytes, const std::string& name, int64_t channels = 0,
                   const ImageLimits& limits = {});

/// Reads and decodes a file; see `decode_image`.
Image load_image(const std::filesystem::path& path, int64_t channels = 0,
                 const ImageLimits& limits = {});

/// Key and value pairs for the text chunks of a PNG, ASCII keys of 1 to 79 characters.
using ImageText = std::vector<std::pair<std::string, std::string>>;

/// The image as a PNG file's bytes, with a tEXt (ASCII) or iTXt (UTF-8) chunk for each text.
/// `std::invalid_argument` for a key or a text that PNG cannot hold.
std::string encode_png(const Image& image, const ImageText& text = {});

/// The text chunks (tEXt and uncompressed iTXt) of a PNG. `DataError` if it is broken.
ImageText png_text(std::string_view bytes);

}  // namespace ddpm
