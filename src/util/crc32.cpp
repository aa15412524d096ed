#include "ddpm/util/crc32.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <zlib.h>

#include "ddpm/util/error.h"

namespace ddpm {

uint32_t crc32_of(std::string_view bytes, uint32_t before) {
  return static_cast<uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

FileSum sum_file(const std::filesystem::path& path) {
  constexpr size_t kPiece = size_t{1} << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path.string(), ": cannot read: ", std::strerror(errno));
  std::vector<char> piece(kPiece);
  FileSum sum;
  while (file.read(piece.data(), static_cast<std::streamsize>(kPiece)) || file.gcount() > 0) {
    const auto count = static_cast<size_t>(file.gcount());
    sum.crc32 = crc32_of({piece.data(), count}, sum.crc32);
    sum.bytes += count;
  }
  if (file.bad()) throw DataError(path.string(), ": cannot read: ", std::strerror(errno));
  return sum;
}

}  // namespace ddpm
