#include "ddpm/data/exif.h"

#include <algorithm>

#include "ddpm/data/bytes.h"

namespace ddpm {
namespace {

constexpr size_t kMostExifBytes = 64 << 10;  // the first directory stands at the beginning
constexpr int kMostChunks = 100'000;         // a hostile file may have millions

// Numbers of EXIF data, in their byte order; 0 past the end.
class ExifNumbers {
 public:
  explicit ExifNumbers(std::string_view bytes)
      : bytes_(bytes),
        is_little_(bytes.starts_with("II")) {}

  uint64_t at(uint64_t offset, size_t length) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < length; ++i) {
      const size_t from = is_little_ ? length - 1 - i : i;
      value = value << 8 | static_cast<uint8_t>(bytes_[offset + from]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool is_little_;
};

// Bytes of a value by its type: BYTE, SHORT and LONG are written.
size_t number_bytes(uint64_t type) {
  switch (type) {
    case 1:
      return 1;
    case 3:
      return 2;
    case 4:
      return 4;
    default:
      return 0;
  }
}

// JPEG's mark before EXIF data is sometimes kept in other files.
int orientation_of_block(std::string_view exif) {
  constexpr std::string_view kMark("Exif\0\0", 6);
  if (exif.starts_with(kMark)) exif.remove_prefix(kMark.size());
  return exif_orientation(exif);
}

}  // namespace

int exif_orientation(std::string_view exif) {
  constexpr uint64_t kTag = 274;
  constexpr uint64_t kEntryBytes = 12;
  const ExifNumbers numbers(exif);
  const bool is_marked = exif.starts_with("II") || exif.starts_with("MM");
  if (!is_marked || numbers.at(2, 2) != 42) return 1;
  const uint64_t directory = numbers.at(4, 4);
  const uint64_t entries = numbers.at(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + kEntryBytes * i;
    if (numbers.at(entry, 2) != kTag || numbers.at(entry + 4, 4) != 1) continue;
    const uint64_t value = numbers.at(entry + 8, number_bytes(numbers.at(entry + 2, 2)));
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int png_orientation(const ReadAt& read_at) {
  constexpr uint64_t kOverhead = 12;  // length, type and checksum of a chunk
  uint64_t at = 8;
  for (int chunk = 0; chunk < kMostChunks; ++chunk) {
    const std::string head = read_at(at, 8);
    if (head.size() < 8 || head.ends_with("IEND")) return 1;
    const uint64_t length = read_be32(head, 0);
    if (head.ends_with("eXIf")) {
      return orientation_of_block(read_at(at + 8, std::min<uint64_t>(length, kMostExifBytes)));
    }
    at += kOverhead + length;
  }
  return 1;
}

int webp_orientation(const ReadAt& read_at) {
  constexpr uint8_t kHasExif = 0x08;
  const std::string file = read_at(0, 21);
  if (file.size() < 21 || file.substr(12, 4) != "VP8X" ||
      (static_cast<uint8_t>(file[20]) & kHasExif) == 0) {
    return 1;
  }
  const uint64_t end = uint64_t{8} + read_le<uint32_t>(file, 4);
  uint64_t at = 12;
  for (int chunk = 0; chunk < kMostChunks && at < end; ++chunk) {
    const std::string head = read_at(at, 8);
    if (head.size() < 8) return 1;
    const uint64_t length = read_le<uint32_t>(head, 4);
    if (head.starts_with("EXIF")) {
      return orientation_of_block(read_at(at + 8, std::min<uint64_t>(length, kMostExifBytes)));
    }
    at += 8 + length + length % 2;
  }
  return 1;
}

}  // namespace ddpm
