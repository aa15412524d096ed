#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace ddpm {

/// CRC-32 (ISO 3309, as in gzip and PNG) of `bytes`, going on from that of what came before them.
uint32_t crc32_of(std::string_view bytes, uint32_t before = 0);

/// Length and CRC-32 of a file.
struct FileSum {
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
};

/// Reads the file piece by piece. `DataError` naming `path` if it cannot be read.
FileSum sum_file(const std::filesystem::path& path);

}  // namespace ddpm
