#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/data/image.h"

namespace ddpm {

/// The text of the error that `action` throws; empty if it throws none.
template <typename Error, typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// True if `text` has `part` in it.
inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// An image with smooth, asymmetric content; `seed` changes it.
Image make_image(int64_t height, int64_t width, int64_t channels, int seed = 0);

/// An image file in memory.
std::string jpeg_bytes(const Image& image);
std::string bmp_bytes(const Image& image);
/// A PNG of the four channels red, green, blue and alpha.
std::string rgba_png_bytes(int64_t height, int64_t width, const std::vector<uint8_t>& pixels);

/// `bytes` as a gzip file.
std::string gzip_bytes(std::string_view bytes);

/// An IDX file of bytes with the given dimensions.
std::string idx_bytes(const std::vector<uint32_t>& shape, std::string_view values);

/// A tar archive that holds one file; archives may be joined, ended by `tar_end()`.
std::string tar_file(const std::string& name, std::string_view content, char type = '0');
std::string tar_end();

}  // namespace ddpm
