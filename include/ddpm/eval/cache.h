#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// The folder for what the program can make again: `$XDG_CACHE_HOME/ddpm`, else `~/.cache/ddpm`.
/// It need not exist. `UserError` if neither variable is set.
std::filesystem::path cache_folder();

/// `cache_folder() / area / name`, with the folder made. `DiskError` if that is not possible.
std::filesystem::path cache_file(const std::string& area, const std::string& name);

}  // namespace ddpm
