#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// A file in a zip archive, as told by the archive's directory.
struct ZipEntry {
  std::string name;
  uint16_t flags = 0;
  uint16_t method = 0;  // 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t packed_size = 0;
  uint64_t size = 0;
  uint64_t header_offset = 0;
};

/// Reads a zip archive held in memory, zip64 too. Every offset is checked against the archive,
/// every size against `max_bytes` and against what deflate can pack, before memory is taken.
class ZipReader {
 public:
  /// `DataError` starting with `name` if the directory is damaged, two files share a name, or all
  /// files together unpack to more than `max_bytes`.
  ZipReader(std::string bytes, std::string name, uint64_t max_bytes);

  const std::vector<ZipEntry>& entries() const { return entries_; }

  /// The unpacked content. `DataError` if it is damaged, encrypted or packed in an unknown way.
  std::string read(const ZipEntry& entry) const;

 private:
  struct Directory {
    uint64_t files, size, offset;
  };

  std::string_view slice(uint64_t offset, uint64_t length) const;
  Directory find_directory() const;
  ZipEntry parse_entry(std::string_view record) const;
  void check_sizes(uint64_t max_bytes) const;

  std::string bytes_;
  std::string name_;
  std::vector<ZipEntry> entries_;
};

/// Builds a zip archive in memory. The same files give the same bytes: no times are stored.
class ZipWriter {
 public:
  /// Sizes and offsets from `zip64_from` on are written as zip64; smaller only in tests.
  explicit ZipWriter(uint64_t zip64_from = UINT32_MAX) : zip64_from_(zip64_from) {}

  void add(const std::string& name, std::string_view content, bool compress);

  /// The archive. Nothing may be added afterwards.
  std::string finish();

 private:
  void append_record(std::string& out, const ZipEntry& entry, bool in_directory) const;

  uint64_t zip64_from_;
  std::string archive_;
  std::vector<ZipEntry> entries_;
};

}  // namespace ddpm
