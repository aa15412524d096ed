#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// Length of the field at the start of a file that tells the header's length.
inline constexpr uint64_t kSafetensorsLengthBytes = 8;

/// One entry of a safetensors header, checked.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as in the file: "F32", "BF16", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // offset into the data
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0;  // offset of the data in the file
};

/// Bytes of one number of a type ("F32", "BF16", ...); nothing if this program does not read it.
std::optional<uint64_t> safetensors_type_bytes(std::string_view dtype);

/// Parses and checks the header of a safetensors file of `file_size` bytes, of which `prefix` are
/// the first ones (the length field and the header at least).
///
/// Refused, as `CheckpointError` starting with `origin`: lengths beyond the file, duplicate keys,
/// unknown types, offsets with holes or overlaps, sizes that do not match shape and type.
/// `std::invalid_argument` if `prefix` is shorter than the header.
SafetensorsHeader parse_safetensors_header(std::string_view prefix, uint64_t file_size,
                                           const std::string& origin);

/// Opens a file, reads its header, and leaves `file` at the start of the data. `CheckpointError`
/// naming `path` if it is missing or broken.
SafetensorsHeader open_safetensors(const std::filesystem::path& path, std::ifstream& file);

/// Reads only the header of a file; see `open_safetensors`.
SafetensorsHeader load_safetensors_header(const std::filesystem::path& path);

}  // namespace ddpm
