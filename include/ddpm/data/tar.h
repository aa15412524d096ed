#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/data/gzip.h"

namespace ddpm {

/// A regular file in a tar archive.
struct TarEntry {
  std::string name;
  uint64_t size = 0;
};

/// Reads a tar archive (ustar, gzipped or not) from front to back. Links, folders and extended
/// headers are passed over. `DataError` naming the archive if it is damaged.
class TarReader {
 public:
  explicit TarReader(std::filesystem::path path) : file_(std::move(path)) {}

  /// The next regular file; nothing at the end of the archive.
  std::optional<TarEntry> next();

  /// The content of the file that `next` found last. To be called at most once for each.
  std::vector<uint8_t> read();

 private:
  GzipReader file_;
  uint64_t content_ = 0;  // bytes of the current file that are not read yet
  uint64_t padding_ = 0;  // and what fills its last block
};

}  // namespace ddpm
