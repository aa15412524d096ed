#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "ddpm/model/flat_parameters.h"

namespace ddpm {

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

/// Parses and checks the header of a safetensors file of `file_size` bytes, of which `prefix` are
/// the first ones (the length field and the header at least).
///
/// Refused, as `CheckpointError` starting with `origin`: lengths beyond the file, duplicate keys,
/// unknown types, offsets with holes or overlaps, sizes that do not match shape and type.
SafetensorsHeader parse_safetensors_header(std::string_view prefix, uint64_t file_size,
                                           const std::string& origin);

/// Reads only the header of a file. `CheckpointError` as of `load_safetensors`.
SafetensorsHeader load_safetensors_header(const std::filesystem::path& path);

/// Reads all tensors of a file to the CPU in the types they have there (F64, F32, F16, BF16, I64,
/// I32, I16, I8, U8, BOOL). `CheckpointError` naming `path` if it is missing or broken.
NamedTensors load_safetensors(const std::filesystem::path& path);

/// Writes the tensors to `path`, which must not exist, and syncs it. Like the official writer it
/// orders data by falling alignment, then by name, and pads the header to 8 bytes. `DiskError` if
/// it cannot be written.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

/// The same in place of a file that may be there, which stays whole until the new one is. Beside it
/// is NAME.new meanwhile.
void replace_safetensors(const std::filesystem::path& path, const NamedTensors& tensors);

}  // namespace ddpm
