#include "support/data_files.h"

#include <cstdio>
#include <stdexcept>

#include <stb/stb_image_write.h>
#include <zlib.h>

#include "ddpm/data/bytes.h"

namespace ddpm {
namespace {

void append_to_string(void* context, void* data, int size) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(data),
                                             static_cast<size_t>(size));
}

void put(std::string& block, size_t offset, const std::string& text) {
  block.replace(offset, text.size(), text);
}

std::string octal(uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

Image make_image(int64_t height, int64_t width, int64_t channels, int seed) {
  Image image{height, width, channels, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        image.pixels.push_back(static_cast<uint8_t>((3 * y + 5 * x + 40 * c + 17 * seed) % 200));
      }
    }
  }
  return image;
}

std::string jpeg_bytes(const Image& image) {
  std::string bytes;
  stbi_write_jpg_to_func(append_to_string, &bytes, static_cast<int>(image.width),
                         static_cast<int>(image.height), static_cast<int>(image.channels),
                         image.pixels.data(), 95);
  return bytes;
}

std::string bmp_bytes(const Image& image) {
  std::string bytes;
  stbi_write_bmp_to_func(append_to_string, &bytes, static_cast<int>(image.width),
                         static_cast<int>(image.height), static_cast<int>(image.channels),
                         image.pixels.data());
  return bytes;
}

std::string rgba_png_bytes(int64_t height, int64_t width, const std::vector<uint8_t>& pixels) {
  std::string bytes;
  stbi_write_png_to_func(append_to_string, &bytes, static_cast<int>(width),
                         static_cast<int>(height), 4, pixels.data(), static_cast<int>(4 * width));
  return bytes;
}

std::string gzip_bytes(std::string_view bytes) {
  constexpr int kGzip = 16 + MAX_WBITS;
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("no zlib");
  }
  std::string out(bytes.size() + bytes.size() / 2 + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string idx_bytes(const std::vector<uint32_t>& shape, std::string_view values) {
  std::string bytes;
  append_be32(bytes, 0x800 + static_cast<uint32_t>(shape.size()));
  for (const uint32_t extent : shape) {
    append_be32(bytes, extent);
  }
  return bytes.append(values);
}

std::string tar_file(const std::string& name, std::string_view content, char type) {
  std::string block(512, '\0');
  put(block, 0, name);
  put(block, 124, octal(content.size(), 11));
  put(block, 148, "        ");
  block[156] = type;
  put(block, 257, "ustar");
  uint64_t sum = 0;
  for (const char c : block) {
    sum += static_cast<uint8_t>(c);
  }
  put(block, 148, octal(sum, 6) + '\0');
  block += content;
  return block.append((512 - content.size() % 512) % 512, '\0');
}

std::string tar_end() {
  return std::string(1024, '\0');
}

}  // namespace ddpm
