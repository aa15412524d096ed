#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// Reads all tensors of a file to the CPU in the types they have there (F64, F32, F16, BF16, I64,
/// I32, I16, I8, U8, BOOL). `CheckpointError` naming `path` if it is missing or broken.
NamedTensors load_safetensors(const std::filesystem::path& path);

/// As `load_safetensors`, of weights: `CheckpointError` naming the tensor also if one holds a NaN
/// or an infinity, which no network computes with.
NamedTensors load_finite_safetensors(const std::filesystem::path& path);

/// Writes the tensors to `path`, which must not exist, and syncs it. Like the official writer it
/// orders data by falling alignment, then by name, and pads the header to 8 bytes. `DiskError` if
/// it cannot be written.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

/// The same in place of a file that may be there, which stays whole until the new one is. Beside it
/// is NAME.new meanwhile.
void replace_safetensors(const std::filesystem::path& path, const NamedTensors& tensors);

}  // namespace ddpm
