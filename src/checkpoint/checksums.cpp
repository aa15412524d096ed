#include "ddpm/checkpoint/checksums.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/json.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/crc32.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kFile = "checksums.json";
/// Not part of the model: people who publish one may leave it out.
constexpr const char* kSettings = "config.yaml";

/// What the list says of one file; nothing if it says something else.
std::optional<FileSum> parse_sum(const json& value) {
  const auto number = [&](const char* key) -> std::optional<uint64_t> {
    const json entry = value.is_object() ? value.value(key, json()) : json();
    return entry.is_number_unsigned() ? std::optional(entry.get<uint64_t>()) : std::nullopt;
  };
  const auto bytes = number("bytes");
  const auto crc32 = number("crc32");
  if (!bytes || !crc32 || *crc32 > UINT32_MAX) return std::nullopt;
  return FileSum{.bytes = *bytes, .crc32 = static_cast<uint32_t>(*crc32)};
}

/// True for the name of a file within the folder. The system would end it at a zero byte.
bool stays_inside(const fs::path& name) {
  return !name.empty() && name.is_relative() && name == name.lexically_normal() &&
         *name.begin() != ".." && name.native().find('\0') == std::string::npos;
}

/// True for a text that is still what its name says, so that a person has changed it.
bool is_whole_text(const fs::path& file) {
  try {
    if (file.extension() == ".json") load_json(file);
    if (file.extension() == ".yaml") load_config(file);
    return file.extension() == ".json" || file.extension() == ".yaml";
  } catch (const UserError&) {
    return false;
  }
}

/// Refuses a file that is not as it was written; `what` tells what differs.
[[noreturn]] void refuse_changed(const fs::path& file, const std::string& what) {
  constexpr const char* kAccept =
      "removing its line from checksums.json, or checksums.json, accepts it";
  if (is_whole_text(file))
    throw CheckpointError(file.string(), ": was changed after the checkpoint was written; ",
                          kAccept);
  throw CheckpointError(file.string(), ": damaged, ", what, "; if you changed it, ", kAccept);
}

void verify_file(const fs::path& file, const FileSum& expected) {
  std::error_code code;
  const auto bytes = fs::file_size(file, code);
  if (code) throw CheckpointError(file.string(), ": missing from the checkpoint");
  if (bytes != expected.bytes)
    refuse_changed(file, "expected " + std::to_string(expected.bytes) + " bytes, got " +
                             std::to_string(bytes));
  try {
    if (sum_file(file).crc32 != expected.crc32) refuse_changed(file, "its checksum differs");
  } catch (const DataError& error) {  // a disk that goes bad
    throw CheckpointError(error.what());
  }
}

}  // namespace

void write_checksums(const fs::path& folder) {
  json files = json::object();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto sum = sum_file(entry.path());
    files[entry.path().lexically_relative(folder).generic_string()] = {{"bytes", sum.bytes},
                                                                       {"crc32", sum.crc32}};
  }
  write_file_atomic(folder / kFile, format_json({{"version", 1}, {"files", files}}));
}

bool is_in_checksums(const fs::path& folder, const std::string& name) {
  if (!fs::exists(folder / kFile)) return false;
  const json parsed = load_json(folder / kFile);
  return parsed.is_object() && parsed.value("files", json::object()).contains(name);
}

void verify_checksums(const fs::path& folder, const std::vector<std::string>& parts) {
  const auto list = folder / kFile;
  std::error_code code;
  if (!fs::exists(list, code) && !code) return;
  if (code) throw CheckpointError(list.string(), ": cannot read: ", code.message());
  const json parsed = load_json(list);
  const json files = parsed.is_object() ? parsed.value("files", json()) : json();
  if (!files.is_object()) throw CheckpointError(list.string(), ": damaged, expected files");
  for (const auto& [name, value] : files.items()) {
    const auto expected = parse_sum(value);
    if (!expected || !stays_inside(name))
      throw CheckpointError(list.string(), ": damaged at '", name, "'");
    const bool asked =
        parts.empty() || std::ranges::find(parts, fs::path(name).begin()->string()) != parts.end();
    const bool left_out = !parts.empty() && name == kSettings && !fs::exists(folder / name, code);
    if (asked && !left_out) verify_file(folder / name, *expected);
  }
}

}  // namespace ddpm
