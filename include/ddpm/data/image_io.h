#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ddpm/data/image.h"

namespace ddpm {

/// Reads the header of a PNG, JPEG or BMP held in memory. `DataError` starting with `name` if it is
/// none of these or larger than the limits (64 MiB of file, 64 million pixels, 65535 a side).
ImageSize probe_image(std::string_view bytes, const std::string& name);

/// Reads the header of a file; see `probe_image`.
ImageSize probe_image_file(const std::filesystem::path& path);

/// Decodes a PNG, JPEG or BMP held in memory to `channels` (1, 3, or 0 for those it has).
/// Transparent pixels are laid over white, 16 bits are cut to 8. `DataError` starting with `name`
/// if it is broken, which includes a wrong checksum or an early end.
Image decode_image(std::string_view bytes, const std::string& name, int64_t channels = 0);

/// Reads and decodes a file; see `decode_image`.
Image load_image(const std::filesystem::path& path, int64_t channels = 0);

/// Key and value pairs for the text chunks of a PNG, ASCII keys of 1 to 79 characters.
using ImageText = std::vector<std::pair<std::string, std::string>>;

/// The image as a PNG file's bytes, with a tEXt (ASCII) or iTXt (UTF-8) chunk for each text.
/// `std::invalid_argument` for a key or a text that PNG cannot hold.
std::string encode_png(const Image& image, const ImageText& text = {});

/// The text chunks (tEXt and uncompressed iTXt) of a PNG. `DataError` if it is broken.
ImageText png_text(std::string_view bytes);

}  // namespace ddpm
