#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddpm {

/// The safetensors files that hold a network's weights in `folder`: the one called `usual`, the
/// parts that its index names (`usual` + `.index.json`), its only variant (such as `.fp16`), or the
/// only safetensors file that is there, which is told on the log. `CheckpointError` that names the
/// files that are there if it is none of these.
std::vector<std::filesystem::path> find_weight_files(const std::filesystem::path& folder,
                                                     const std::string& usual);

}  // namespace ddpm
