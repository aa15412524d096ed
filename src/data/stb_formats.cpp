#include "ddpm/data/stb_formats.h"

#include <memory>

#include <stb/stb_image.h>

#include "ddpm/data/transparency.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

const stbi_uc* as_bytes(std::string_view bytes) {
  return reinterpret_cast<const stbi_uc*>(bytes.data());
}

Image decode_plainly(std::string_view bytes, const std::string& name) {
  int width = 0;
  int height = 0;
  int stored = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(as_bytes(bytes), static_cast<int>(bytes.size()), &width, &height,
                            &stored, 0),
      stbi_image_free);
  if (pixels == nullptr) throw DataError(name, ": broken image (", stbi_failure_reason(), ")");
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  return {height, width, stored < 3 ? 1 : 3,
          over_white(pixels.get(), count, static_cast<size_t>(stored))};
}

Image decode_png(std::string_view bytes, const std::string& name) {
  constexpr size_t kDepth = 24;  // in IHDR, which is the first chunk
  Image image = decode_plainly(bytes, name);
  image.stored_bits = bytes[kDepth] == 16 ? 16 : 8;
  return image;
}

// stb_image fills what the first frame leaves with the background colour; viewers leave it clear.
Image decode_gif(std::string_view bytes, const std::string& name) {
  constexpr size_t kBackground = 11;
  std::string clear(bytes);
  clear[kBackground] = 0;
  return decode_plainly(clear, name);
}

}  // namespace

ImageHeader stb_header(std::string_view bytes, const std::string& name) {
  int width = 0;
  int height = 0;
  int stored = 0;
  if (stbi_info_from_memory(as_bytes(bytes), static_cast<int>(bytes.size()), &width, &height,
                            &stored) == 0) {
    throw DataError(name, ": broken image header (", stbi_failure_reason(), ")");
  }
  return {{height, width, stored < 3 ? 1 : 3}, 1};
}

Image decode_by_stb(std::string_view bytes, ImageFormat format, const std::string& name) {
  if (format == ImageFormat::kPng) return decode_png(bytes, name);
  if (format == ImageFormat::kGif) return decode_gif(bytes, name);
  return decode_plainly(bytes, name);
}

}  // namespace ddpm
