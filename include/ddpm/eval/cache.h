#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace ddpm {

/// The folder for what the program can make again: `$XDG_CACHE_HOME/ddpm`, else `~/.cache/ddpm`.
/// It need not exist. `UserError` if neither variable is set.
std::filesystem::path cache_folder();

/// `cache_folder() / area / name`, with the folder made. `DiskError` if that is not possible.
std::filesystem::path cache_file(const std::string& area, const std::string& name);

/// Keeps interrupted work in `partial` by calling `write`. False if it is not kept: there is no
/// such place, or the disk does not take it, which is a warning.
bool keep_partial(const std::filesystem::path& partial, const std::function<void()>& write);

}  // namespace ddpm
