#include "ddpm/data/image_check.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "ddpm/data/bytes.h"
#include "ddpm/data/image_format.h"
#include "ddpm/util/crc32.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr size_t kPngOverhead = 12;  // length, type and checksum of a chunk
constexpr uint64_t kMaxPngSide = kMaxImageSide;

bool is_known_or_optional(std::string_view type) {
  const bool is_optional = (static_cast<unsigned char>(type[0]) & 0x20U) != 0;
  return is_optional || type == "IHDR" || type == "PLTE" || type == "IDAT" || type == "IEND";
}

// Of the chunk at the start of `rest`.
PngChunk next_chunk(std::string_view rest, const std::string& name) {
  if (rest.size() < kPngOverhead || read_be32(rest, 0) > rest.size() - kPngOverhead) {
    throw DataError(name, ": broken PNG, the file ends early");
  }
  const size_t length = read_be32(rest, 0);
  const PngChunk chunk{rest.substr(4, 4), rest.substr(8, length)};
  if (crc32_of(rest.substr(4, length + 4)) != read_be32(rest, 8 + length)) {
    throw DataError(name, ": broken PNG, wrong checksum");
  }
  return chunk;
}

uint64_t png_samples(uint8_t colour_type) {
  switch (colour_type) {
    case 2:
      return 3;
    case 4:
      return 2;
    case 6:
      return 4;
    default:
      return 1;
  }
}

// The data must be able to hold the rows, each of which has one byte more than its samples.
void check_png(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  const std::vector<PngChunk> chunks = png_chunks(bytes, name);
  const std::string_view header = chunks.front().data;
  if (header.size() != 13 || read_be32(header, 0) > kMaxPngSide ||
      read_be32(header, 4) > kMaxPngSide) {
    throw DataError(name, ": broken PNG header");
  }
  const uint64_t width = read_be32(header, 0);
  const uint64_t height = read_be32(header, 4);
  const auto depth = static_cast<uint8_t>(header[8]);
  const uint64_t samples = png_samples(static_cast<uint8_t>(header[9]));
  uint64_t packed = 0;
  for (const PngChunk& chunk : chunks) {
    if (chunk.type == "IDAT") packed += chunk.data.size();
  }
  const uint64_t unpacked = height * ((width * samples * depth + 7) / 8 + 1);
  if (unpacked / kMaxDeflateRatio > packed) {
    throw DataError(name, ": broken PNG, too few bytes for its size");
  }
  check_decoding_memory(width * height, depth == 16 ? 16 : 8, limits, name);
}

// Walks over a JPEG from marker to marker.
class JpegWalk {
 public:
  explicit JpegWalk(std::string_view bytes) : bytes_(bytes) {}

  // The next marker, 0 at the end of the file. Compressed data, in which 0xFF is followed by 0 or
  // a restart marker, is passed over like any other bytes.
  uint8_t next() {
    while (at_ + 1 < bytes_.size()) {
      const bool is_start = bytes_[at_++] == '\xFF';
      const auto marker = static_cast<uint8_t>(bytes_[at_]);
      const bool is_restart = marker >= 0xD0 && marker <= 0xD7;
      if (is_start && marker != 0 && marker != 0xFF && !is_restart) {
        ++at_;
        return marker;
      }
    }
    return 0;
  }

  // The content of the segment behind the marker; empty if it does not fit into the file.
  std::string_view segment() {
    const std::string_view rest = bytes_.substr(at_);
    const size_t length = rest.size() < 2 ? 0 : __builtin_bswap16(read_le<uint16_t>(rest, 0));
    if (length < 2 || length > rest.size()) return {};
    at_ += length;
    return rest.substr(2, length - 2);
  }

 private:
  std::string_view bytes_;
  size_t at_ = 2;  // after the start marker
};

// Each block of 8 x 8 takes at least one bit.
void check_jpeg_frame(std::string_view frame, bool progressive, std::string_view file,
                      const ImageLimits& limits, const std::string& name) {
  constexpr uint64_t kPixelsOfAByte = 8 * 64;
  if (frame.size() < 6) throw DataError(name, ": broken JPEG header");
  const auto number = [frame](size_t at) -> uint64_t {
    return __builtin_bswap16(read_le<uint16_t>(frame, at));
  };
  const uint64_t pixels = number(1) * number(3);
  if (pixels / kPixelsOfAByte > file.size()) {
    throw DataError(name, ": broken JPEG, too few bytes for its size");
  }
  const uint64_t components = static_cast<uint8_t>(frame[5]);
  check_decoding_memory(pixels, 3 + components * (progressive ? 3 : 1), limits, name);
}

// Baseline, extended and progressive.
bool is_jpeg_frame(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xC2;
}

void check_jpeg(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  constexpr uint8_t kEnd = 0xD9;
  constexpr uint8_t kProgressive = 0xC2;
  constexpr uint8_t kScan = 0xDA;
  constexpr int kMostScans = 100;  // each a pass over all blocks; usual progressive files have 10
  int scans = 0;
  JpegWalk walk(bytes);
  uint8_t marker = walk.next();
  for (; marker != 0 && marker != kEnd; marker = walk.next()) {
    if (marker == kScan && ++scans > kMostScans)
      throw DataError(name, ": broken JPEG, expected at most ", kMostScans, " scans");
    const std::string_view segment = walk.segment();
    if (is_jpeg_frame(marker)) {
      check_jpeg_frame(segment, marker == kProgressive, bytes, limits, name);
    }
  }
  if (marker == 0) throw DataError(name, ": broken JPEG, the file ends early");
}

// Walks over a GIF. What does not lie in the file is a `DataError`.
class GifWalk {
 public:
  GifWalk(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  uint8_t byte() {
    skip(1);
    return static_cast<uint8_t>(bytes_[at_ - 1]);
  }

  void skip(size_t count) {
    if (count > bytes_.size() - at_) throw DataError(name_, ": broken GIF, the file ends early");
    at_ += count;
  }

  // The colour table that the lowest bits of `flags` tell, if there is one.
  void skip_colours(uint8_t flags) {
    if ((flags & 0x80U) != 0) skip(size_t{3} << ((flags & 7U) + 1));
  }

  void skip_blocks() {
    while (const uint8_t length = byte()) {
      skip(length);
    }
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
  size_t at_ = 0;
};

// As far as the first frame goes.
void check_gif(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  constexpr uint8_t kExtension = 0x21;
  constexpr uint8_t kFrame = 0x2C;
  GifWalk walk(bytes, name);
  walk.skip(10);
  const uint8_t flags = walk.byte();
  walk.skip(2);
  walk.skip_colours(flags);
  uint8_t kind = walk.byte();
  for (; kind == kExtension; kind = walk.byte()) {
    walk.skip(1);
    walk.skip_blocks();
  }
  if (kind != kFrame) throw DataError(name, ": broken GIF, expected a frame");
  walk.skip(8);
  walk.skip_colours(walk.byte());
  walk.skip(1);
  walk.skip_blocks();
  const uint64_t pixels =
      uint64_t{read_le<uint16_t>(bytes, 6)} * uint64_t{read_le<uint16_t>(bytes, 8)};
  check_decoding_memory(pixels, 12, limits, name);
}

struct BmpHeader {
  uint64_t height, width, bits;
};

BmpHeader bmp_header(std::string_view bytes) {
  if (read_le<uint32_t>(bytes, 14) == 12) {
    return {read_le<uint16_t>(bytes, 20), read_le<uint16_t>(bytes, 18),
            read_le<uint16_t>(bytes, 24)};
  }
  const auto rows = static_cast<int32_t>(read_le<uint32_t>(bytes, 22));  // negative: top row first
  return {static_cast<uint64_t>(std::abs(int64_t{rows})), read_le<uint32_t>(bytes, 18),
          read_le<uint16_t>(bytes, 28)};
}

void check_bmp(std::string_view bytes, const std::string& name) {
  constexpr size_t kHeaderBytes = 30;
  if (bytes.size() >= kHeaderBytes) {
    const BmpHeader header = bmp_header(bytes);
    const uint64_t row_bytes = (header.width * header.bits + 31) / 32 * 4;
    const uint64_t start = std::min<uint64_t>(bytes.size(), read_le<uint32_t>(bytes, 10));
    const bool fits = header.height == 0 || row_bytes <= (bytes.size() - start) / header.height;
    if (fits && row_bytes > 0) return;
  }
  throw DataError(name, ": broken BMP, the file ends early");
}

}  // namespace

std::vector<PngChunk> png_chunks(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with(kPngSignature)) throw DataError(name, ": not a PNG image");
  std::vector<PngChunk> chunks;
  std::string_view rest = bytes.substr(kPngSignature.size());
  while (chunks.empty() || chunks.back().type != "IEND") {
    chunks.push_back(next_chunk(rest, name));
    rest.remove_prefix(kPngOverhead + chunks.back().data.size());
    if (!is_known_or_optional(chunks.back().type) || chunks.front().type != "IHDR") {
      throw DataError(name, ": broken PNG, unknown chunk");
    }
  }
  return chunks;
}

void check_complete(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  switch (image_format(bytes, name)) {
    case ImageFormat::kPng:
      return check_png(bytes, limits, name);
    case ImageFormat::kJpeg:
      return check_jpeg(bytes, limits, name);
    case ImageFormat::kGif:
      return check_gif(bytes, limits, name);
    case ImageFormat::kBmp:
      return check_bmp(bytes, name);
    case ImageFormat::kWebp:
    case ImageFormat::kTiff:
    case ImageFormat::kPnm:
      return;
  }
}

}  // namespace ddpm
