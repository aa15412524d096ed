#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddpm {

/// Notes length and CRC-32 of every file in `folder` and below in its `checksums.json`.
void write_checksums(const std::filesystem::path& folder);

/// Compares the files of `folder` with its `checksums.json`; only `parts`, files of it or folders,
/// if there are any, of which `config.yaml` may be missing. `CheckpointError` naming the first file
/// that is missing, has another length, or another CRC-32, and how to accept a change. A folder
/// without `checksums.json`, older or of another program, is taken as it is.
void verify_checksums(const std::filesystem::path& folder,
                      const std::vector<std::string>& parts = {});

/// Whether the `checksums.json` of `folder` tells of the file `name`, a path in it.
bool is_in_checksums(const std::filesystem::path& folder, const std::string& name);

}  // namespace ddpm
