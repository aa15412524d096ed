#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace ddpm {

/// The folder for what the program can make again: `$XDG_CACHE_HOME/ddpm`, else `~/.cache/ddpm`.
/// It need not exist. Empty if neither variable says where.
std::filesystem::path cache_folder();

/// `cache_folder() / area / name`, with the folder made. `DiskError` if that is not possible.
std::filesystem::path cache_file(const std::string& area, const std::string& name);

/// The path of `cache_file`, or an empty one: what a cache would spare a person is no reason to end.
std::filesystem::path optional_cache_file(const std::string& area, const std::string& name);

/// Warns if there is no place for a cache. For the beginning of work that would use one.
void warn_without_cache();

/// Keeps interrupted work in `partial` by calling `write`. False if it is not kept: there is no
/// such place, or the disk does not take it, which is a warning.
bool keep_partial(const std::filesystem::path& partial, const std::function<void()>& write);

}  // namespace ddpm
