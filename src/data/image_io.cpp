#include "ddpm/data/image_io.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <stb/stb_image_write.h>

#include "ddpm/data/bytes.h"
#include "ddpm/data/exif.h"
#include "ddpm/data/image_check.h"
#include "ddpm/data/image_format.h"
#include "ddpm/data/jpeg.h"
#include "ddpm/data/pnm.h"
#include "ddpm/data/stb_formats.h"
#include "ddpm/data/tiff.h"
#include "ddpm/data/webp.h"
#include "ddpm/util/crc32.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

constexpr size_t kHeadBytes = 64 << 10;
constexpr size_t kMaxTextBytes = 64 << 20;

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

ImageHeader checked_header(std::string_view bytes, const ImageLimits& limits,
                           const std::string& name) {
  check_file_bytes(bytes.size(), limits, name);
  const ImageHeader header = header_of(bytes, reader_of(bytes), name);
  check_image_size(header.size, limits, name);
  return header;
}

std::string read_image_file(const std::filesystem::path& path, const ImageLimits& limits) {
  std::error_code unreadable;  // which read_file tells
  const auto bytes = std::filesystem::file_size(path, unreadable);
  if (!unreadable) check_file_bytes(bytes, limits, path.string());
  return read_file(path);
}

ImageHeader file_header(const std::filesystem::path& path, const ImageLimits& limits) {
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
    return header_of(read_at(0, kHeadBytes), read_at, path.string());
  } catch (const DataError&) {  // a long preamble, or a file that is broken indeed
    return checked_header(read_image_file(path, limits), limits, path.string());
  }
}

// As stored.
Image decode_stored(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  const ImageFormat format = image_format(bytes, name);
  switch (format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, name);
    case ImageFormat::kWebp:
      return decode_webp(bytes, limits, name);
    case ImageFormat::kTiff:
      return decode_tiff(bytes, limits, name);
    case ImageFormat::kPnm:
      return decode_pnm(bytes, name);
    case ImageFormat::kPng:
    case ImageFormat::kGif:
    case ImageFormat::kBmp:
      break;
  }
  return decode_by_stb(bytes, format, name);
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
  const ImageHeader header = checked_header(bytes, limits, name);
  return upright_size(header.size, header.orientation);
}

ImageSize probe_image_file(const std::filesystem::path& path, const ImageLimits& limits) {
  const ImageHeader header = file_header(path, limits);
  check_image_size(header.size, limits, path.string());
  return upright_size(header.size, header.orientation);
}

Image decode_image(std::string_view bytes, const std::string& name, int64_t channels,
                   const ImageLimits& limits) {
  const ImageHeader header = checked_header(bytes, limits, name);
  check_complete(bytes, limits, name);
  Image image = turn_upright(decode_stored(bytes, limits, name), header.orientation);
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
