#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "ddpm/config/config.h"

namespace ddpm {

/// Applies the settings of a YAML text to `config`: one document, a map of sections, each a map of
/// settings; an empty text changes nothing. `UserError` `NAME:LINE: ...` for syntax errors, unknown
/// and repeated keys, values of the wrong type or range, anchors, aliases, tags, further documents,
/// and texts above 1 MiB or not in UTF-8; `config` is then as before. Gives the keys of the
/// settings that the text has.
std::set<std::string> apply_yaml(Config& config, std::string_view text, const std::string& name);

/// Every setting in the order of the table, as a text that `apply_yaml` reads back identically.
std::string to_yaml(const Config& config);

/// The defaults with the YAML file `path` applied. `UserError` if it cannot be read, and as
/// `apply_yaml`.
Config load_config(const std::filesystem::path& path);
/// The same, and the keys of the settings that the file has.
Config load_config(const std::filesystem::path& path, std::set<std::string>& keys);

}  // namespace ddpm
