#include "ddpm/config/settings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "ddpm/config/applies.h"
#include "ddpm/config/setting_value.h"
#include "ddpm/config/synonyms.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"
#include "ddpm/util/utf8.h"

namespace ddpm {
namespace {

/// Whether YAML reads `text` without quotes as this very string, and a person does too.
bool is_plain_scalar(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' ||
           c == '.' || c == '_' || c == '-';
  };
  if (text.empty() || text.starts_with('-')) return false;
  if (text == "null" || text == "Null" || text == "NULL") return false;
  return std::ranges::all_of(text, is_word);
}

std::string with_escaped_quotes(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

/// `text` as a YAML scalar that reads back as the same string, in double quotes where needed.
std::string yaml_scalar(std::string_view text) {
  if (is_plain_scalar(text)) return std::string(text);
  const auto escaped = replace_controls(with_escaped_quotes(text), [](unsigned char control) {
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), "\\x%02X", unsigned{control});
    return std::string(code.data());
  });
  return '"' + escaped + '"';
}

/// Writes the member that a slot points to as YAML.
struct ValueWriter {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const int64_t* value) const { return std::to_string(*value); }
  std::string operator()(const double* value) const { return format_number(*value); }
  std::string operator()(const std::string* value) const { return yaml_scalar(*value); }
  /// A `~` that is left is a name in the working folder.
  std::string operator()(PathSlot slot) const {
    const bool as_home = *slot.target == "~" || slot.target->starts_with("~/");
    return yaml_scalar(as_home ? "./" + *slot.target : *slot.target);
  }
  std::string operator()(const EnumSlot& slot) const { return std::string(slot.get()); }

  std::string operator()(const std::optional<int64_t>* value) const {
    return *value ? std::to_string(**value) : "null";
  }

  std::string operator()(const std::vector<int64_t>* values) const {
    std::vector<std::string> words;
    for (const int64_t value : *values)
      words.push_back(std::to_string(value));
    return "[" + join(words) + "]";
  }

  std::string operator()(const std::vector<double>* values) const {
    std::vector<std::string> words;
    for (const double value : *values)
      words.push_back(format_number(value));
    return "[" + join(words) + "]";
  }

  std::string operator()(const std::vector<std::string>* values) const {
    std::vector<std::string> words;
    for (const auto& value : *values)
      words.push_back(yaml_scalar(value));
    return "[" + join(words) + "]";
  }

  std::string operator()(ImageSizeSlot slot) const {
    if (slot.target->empty()) return "null";
    return slot.target->size() == 1 ? std::to_string(slot.target->front()) : (*this)(slot.target);
  }
};

std::string_view name_in_section(std::string_view key) {
  return key.substr(key.find('.') + 1);
}

}  // namespace

void set_setting(Config& config, std::string_view key, std::string_view text,
                 std::string_view origin) {
  const auto setting = find_setting(config, key, origin);
  assign(setting, raw_value(setting.slot, text), origin);
}

std::vector<std::string> section_names() {
  Config config;
  std::vector<std::string> names;
  for (const auto& row : settings(config)) {
    const auto section = row.key.substr(0, row.key.find('.'));
    if (names.empty() || names.back() != section) names.emplace_back(section);
  }
  return names;
}

Setting find_setting(Config& config, std::string_view key, std::string_view origin) {
  const auto table = settings(config);
  const auto row = std::ranges::find(table, key, &Setting::key);
  if (row != table.end()) return *row;
  if (const auto* const synonym = find_synonym(key))
    throw UserError(origin, ": unknown setting '", printable(key), "'; ", describe(*synonym));
  throw UserError(origin, ": unknown setting '", printable(key), "'; did you mean '",
                  nearest_setting(key), "'?");
}

std::string nearest_setting(std::string_view key) {
  constexpr size_t kLongest = 64;
  const bool has_section = key.find('.') != key.npos;
  Config config;
  const auto table = settings(config);
  std::vector<std::string> names;
  names.reserve(table.size());
  for (const auto& row : table)
    names.emplace_back(has_section ? row.key : name_in_section(row.key));
  const auto name = nearest(key.substr(0, kLongest), names);
  const auto index = std::ranges::find(names, name) - names.begin();
  return std::string(table[static_cast<size_t>(index)].key);
}

std::string format_value(const Setting& setting) {
  return std::visit(ValueWriter(), setting.slot);
}

std::string describe(const Setting& setting) {
  const auto allowed = allowed_values(setting);
  const auto where = where_it_applies(setting.applies);
  const auto* const between = allowed.empty() || where.empty() ? "" : "; ";
  const auto notes = allowed + between + where;
  return std::string(setting.help) + (notes.empty() ? "" : " [" + notes + "]");
}

std::vector<SettingChange> changed_settings(const Config& before, const Config& after) {
  Config old_config = before;
  Config new_config = after;
  const auto old_rows = settings(old_config);
  const auto new_rows = settings(new_config);
  std::vector<SettingChange> changes;
  for (size_t i = 0; i < old_rows.size(); ++i) {
    SettingChange change{std::string(old_rows[i].key), format_value(old_rows[i]),
                         format_value(new_rows[i]), old_rows[i].on_resume};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace ddpm
