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

/// For results of the program's own: as `load_json`, but of up to 256 MiB, keeps the order of keys,
/// of which an object may have 10,000, and knows no NaN.
nlohmann::ordered_json load_ordered_json(const std::filesystem::path& path);

/// JSON as diffusers writes it: sorted keys, two blanks of indent, a newline at the end.
std::string format_json(const nlohmann::json& value);

/// JSON for people and files of results, whose texts may come from anywhere: bytes that are not
/// UTF-8 become U+FFFD, and control characters are escaped.
std::string shown_json(const nlohmann::json& value, int indent = 2);
std::string shown_json(const nlohmann::ordered_json& value, int indent = 2);

}  // namespace ddpm
