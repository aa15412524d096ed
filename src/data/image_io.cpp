#include "ddpm/data/image_io.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include "ddpm/data/bytes.h"
#include "ddpm/data/exif.h"
#include "ddpm/data/image_check.h"
#include "ddpm/data/image_format.h"
#include "ddpm/data/jpeg.h"
#include "ddpm/data/pnm.h"
#include "ddpm/data/tiff.h"
#include "ddpm/data/webp.h"
#include "ddpm/util/crc32.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

constexpr size_t kHeadBytes = 64 << 10;
constexpr size_t kMaxTextBytes = 64 << 20;

const stbi_uc* as_bytes(std::string_view bytes) {
  return reinterpret_cast<const stbi_uc*>(bytes.data());
}

uint8_t over_white(int value, int alpha) {
  return static_cast<uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

// `stored` is 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha), as stb_image counts.
std::vector<uint8_t> without_alpha(const stbi_uc* pixels, size_t count, size_t stored) {
  if (stored % 2 == 1) return {pixels, pixels + count * stored};
  std::vector<uint8_t> out;
  out.reserve(count * (stored - 1));
  for (const stbi_uc* pixel = pixels; pixel != pixels + count * stored; pixel += stored) {
    const int alpha = pixel[stored - 1];
    std::transform(pixel, pixel + stored - 1, std::back_inserter(out),
                   [alpha](stbi_uc value) { return over_white(value, alpha); });
  }
  return out;
}

// Of the formats that stb_image reads.
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

Image decode_by_stb(std::string_view bytes, const std::string& name) {
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
          without_alpha(pixels.get(), count, static_cast<size_t>(stored))};
}

Image decode_png(std::string_view bytes, const std::string& name) {
  constexpr size_t kDepth = 24;  // in IHDR, which `check_complete` has seen
  Image image = decode_by_stb(bytes, name);
  image.stored_bits = bytes[kDepth] == 16 ? 16 : 8;
  return image;
}

// stb_image fills what the first frame leaves with the background colour; viewers leave it clear.
Image decode_gif(std::string_view bytes, const std::string& name) {
  constexpr size_t kBackground = 11;
  std::string clear(bytes);
  clear[kBackground] = 0;
  return decode_by_stb(clear, name);
}

Image decode_webp_over_white(std::string_view bytes, const ImageSize& size,
                             const std::string& name) {
  const std::vector<uint8_t> rgba = decode_webp(bytes, name);
  return {size.height, size.width, size.channels, without_alpha(rgba.data(), rgba.size() / 4, 4)};
}

ReadAt reader_of(std::string_view bytes) {
  return [bytes](uint64_t offset, size_t length) -> std::string {
    if (offset >= bytes.size()) return {};
    return std::string(bytes.substr(offset, length));
  };
}

// `bytes` may be the first ones of a file, which `read_at` reads anywhere; only a TIFF must be
// whole.
ImageHeader header_of(std::string_view bytes, const ReadAt& read_at, const std::string& name) {
  switch (image_format(bytes, name)) {
    case ImageFormat::kJpeg:
      return jpeg_header(bytes, name);
    case ImageFormat::kTiff:
      return tiff_header(bytes, name);
    case ImageFormat::kPnm:
      return pnm_header(bytes, name);
    case ImageFormat::kWebp:
      return {webp_header(bytes, name).size, webp_orientation(read_at)};
    case ImageFormat::kPng:
      return {stb_header(bytes, name).size, png_orientation(read_at)};
    case ImageFormat::kGif:
    case ImageFormat::kBmp:
      break;
  }
  return stb_header(bytes, name);
}

ImageHeader checked_header(std::string_view bytes, const ReadAt& read_at, const ImageLimits& limits,
                           const std::string& name) {
  check_file_bytes(bytes.size(), limits, name);
  const ImageHeader header = header_of(bytes, read_at, name);
  check_image_size(header.size, limits, name);
  return header;
}

// As stored.
Image decode_stored(std::string_view bytes, const ImageSize& size, const ImageLimits& limits,
                    const std::string& name) {
  switch (image_format(bytes, name)) {
    case ImageFormat::kPng:
      return decode_png(bytes, name);
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, name);
    case ImageFormat::kWebp:
      return decode_webp_over_white(bytes, size, name);
    case ImageFormat::kGif:
      return decode_gif(bytes, name);
    case ImageFormat::kTiff:
      return decode_tiff(bytes, limits, name);
    case ImageFormat::kPnm:
      return decode_pnm(bytes, name);
    case ImageFormat::kBmp:
      break;
  }
  return decode_by_stb(bytes, name);
}

std::string read_image_file(const std::filesystem::path& path, const ImageLimits& limits) {
  std::error_code unreadable;  // which read_file tells
  const auto bytes = std::filesystem::file_size(path, unreadable);
  if (!unreadable) check_file_bytes(bytes, limits, path.string());
  return read_file(path);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

std::string png_chunk(const std::string& type_and_data) {
  std::string chunk;
  append_be32(chunk, static_cast<uint32_t>(type_and_data.size() - 4));
  chunk += type_and_data;
  append_be32(chunk, crc32_of(type_and_data));
  return chunk;
}

std::string text_chunk(const std::string& key, const std::string& value) {
  if (key.empty() || key.size() > 79 || !is_ascii(key) || value.find('\0') != std::string::npos ||
      value.size() > kMaxTextBytes) {
    throw std::invalid_argument("not a text for a PNG: " + key);
  }
  using namespace std::string_literals;
  if (is_ascii(value)) return png_chunk("tEXt" + key + '\0' + value);
  return png_chunk("iTXt" + key + "\0\0\0\0\0"s + value);
}

// After the key: a flag and a method of compression, language, translated key, text.
std::string_view international_text(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != 0) return {};
  rest.remove_prefix(2);
  for (int field = 0; field < 2; ++field) {
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  return rest;
}

void append_to_string(void* context, void* data, int size) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                             static_cast<size_t>(size));
}

}  // namespace

ImageSize probe_image(std::string_view bytes, const std::string& name, const ImageLimits& limits) {
  const ImageHeader header = checked_header(bytes, reader_of(bytes), limits, name);
  return upright_size(header.size, header.orientation);
}

ImageSize probe_image_file(const std::filesystem::path& path, const ImageLimits& limits) {
  std::ifstream file(path, std::ios::binary);
  const ReadAt read_at = [&file](uint64_t offset, size_t length) {
    std::string part(length, '\0');
    file.clear();
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(part.data(), static_cast<std::streamsize>(length));
    part.resize(static_cast<size_t>(file.gcount()));
    return part;
  };
  try {
    const ImageHeader header =
        checked_header(read_at(0, kHeadBytes), read_at, limits, path.string());
    return upright_size(header.size, header.orientation);
  } catch (const DataError&) {  // a long preamble, or a file that is broken indeed
    return probe_image(read_image_file(path, limits), path.string(), limits);
  }
}

Image decode_image(std::string_view bytes, const std::string& name, int64_t channels,
                   const ImageLimits& limits) {
  const ImageHeader header = checked_header(bytes, reader_of(bytes), limits, name);
  check_complete(bytes, limits, name);
  Image image = turn_upright(decode_stored(bytes, header.size, limits, name), header.orientation);
  return channels == 0 ? image : convert_channels(std::move(image), channels);
}

Image load_image(const std::filesystem::path& path, int64_t channels, const ImageLimits& limits) {
  return decode_image(read_image_file(path, limits), path.string(), channels, limits);
}

std::string encode_png(const Image& image, const ImageText& text) {
  const int64_t row_bytes = image.width * image.channels;
  if (image.channels > 4 || image.height < 1 || row_bytes < 1 ||
      image.height > INT32_MAX / (row_bytes + 1) ||
      static_cast<int64_t>(image.pixels.size()) != row_bytes * image.height) {
    throw std::invalid_argument("not an image that a PNG can hold");
  }
  std::string png;
  if (stbi_write_png_to_func(append_to_string, &png, static_cast<int>(image.width),
                             static_cast<int>(image.height), static_cast<int>(image.channels),
                             image.pixels.data(), static_cast<int>(row_bytes)) == 0) {
    throw std::bad_alloc();
  }
  std::string chunks;
  for (const auto& [key, value] : text) {
    chunks += text_chunk(key, value);
  }
  constexpr size_t kHeaderEnd = 33;  // the signature and IHDR
  return png.insert(kHeaderEnd, chunks);
}

ImageText png_text(std::string_view bytes) {
  ImageText text;
  for (const PngChunk& chunk : png_chunks(bytes, "PNG")) {
    const size_t key_end = chunk.data.find('\0');
    if ((chunk.type != "tEXt" && chunk.type != "iTXt") || key_end == std::string_view::npos) {
      continue;
    }
    std::string_view value = chunk.data.substr(key_end + 1);
    if (chunk.type == "iTXt") value = international_text(value);
    text.emplace_back(chunk.data.substr(0, key_end), value);
  }
  return text;
}

}  // namespace ddpm
