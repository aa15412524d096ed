#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ddpm {

/// Parses JSON strictly. `CheckpointError` starting with `origin` on a syntax error, a key that is
/// given twice, more than 64 levels of nesting, or more than two million keys and values.
nlohmann::json parse_json(std::string_view text, const std::string& origin);

/// Reads and parses a file of at most 16 MiB; see `parse_json`. Python's -Infinity, Infinity and
/// NaN are read as texts.
nlohmann::json load_json(const std::filesystem::path& path);

/// JSON as diffusers writes it: sorted keys, two blanks of indent, a newline at the end.
std::string format_json(const nlohmann::json& value);

}  // namespace ddpm
