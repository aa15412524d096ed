#include "ddpm/data/label_list.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr std::string_view kFileColumn = "file_name";
constexpr auto kLabelColumns = std::to_array<std::string_view>(
    {"label", "labels", "class", "class_name", "category", "target", "fine_label"});

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

// As the walk over a folder writes it.
std::string plain_name(const std::string& name) {
  return std::filesystem::path(name).lexically_normal().generic_string();
}

void add_label(LabelList& list, const std::string& file, std::string label,
               const std::string& where) {
  if (!list.labels.emplace(plain_name(file), std::move(label)).second)
    throw DataError(where, ": has the file ", one_line(file), " twice");
}

std::string choose_column(const std::set<std::string>& columns) {
  for (const auto name : kLabelColumns)
    if (columns.contains(std::string(name))) return std::string(name);
  return "";
}

void sort_columns(LabelList& list, const std::set<std::string>& columns) {
  list.column = choose_column(columns);
  for (const auto& name : columns)
    if (name != kFileColumn && name != list.column) list.other_columns.push_back(name);
}

// The records of a CSV file, field by field.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& origin) : rest_(text), origin_(origin) {}

  // Nothing at the end. Empty lines are passed over.
  std::optional<std::vector<std::string>> next() {
    while (!rest_.empty()) {
      ++line_;
      std::vector<std::string> fields;
      bool more = true;
      while (more) {
        fields.push_back(field());
        more = take(',');
      }
      take('\r');
      if (!rest_.empty() && !take('\n')) fail();
      if (fields.size() > 1 || !fields.front().empty()) return fields;
    }
    return std::nullopt;
  }

  std::string where() const { return origin_ + ":" + std::to_string(line_); }

 private:
  [[noreturn]] void fail() const { throw DataError(where(), ": broken CSV"); }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string field() {
    if (take('"')) return quoted_field();
    const size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
    std::string text(trim(rest_.substr(0, end)));
    rest_.remove_prefix(end);
    return text;
  }

  std::string quoted_field() {
    std::string text;
    while (true) {
      const size_t end = rest_.find('"');
      if (end == std::string_view::npos) fail();
      text += rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      if (!take('"')) return text;
      text += '"';
    }
  }

  std::string_view rest_;
  const std::string& origin_;
  int64_t line_ = 0;
};

// The text of a label in JSON; nothing for what is no label.
std::optional<std::string> label_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

json parse_line(std::string_view line, const std::string& where) {
  json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw DataError(where, ": expected a JSON object");
  if (!object.contains(kFileColumn) || !object[std::string(kFileColumn)].is_string())
    throw DataError(where, ": expected ", kFileColumn, " with the name of a file");
  return object;
}

struct JsonLine {
  std::string where;
  json object;
};

std::vector<JsonLine> parse_lines(std::string_view text, const std::string& origin) {
  std::vector<JsonLine> lines;
  int64_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto where = origin + ":" + std::to_string(++number);
    if (!line.empty()) lines.push_back({where, parse_line(line, where)});
  }
  return lines;
}

void add_pair(LabelList& list, const json& pair, const std::string& origin) {
  const bool named = pair.is_array() && pair.size() == 2 && pair[0].is_string();
  const auto label = named ? label_text(pair[1]) : std::nullopt;
  if (!label)
    throw DataError(origin, ": expected labels as [\"FILE\", NUMBER], label ", list.labels.size(),
                    " is none");
  add_label(list, pair[0].get<std::string>(), *label, origin);
}

}  // namespace

LabelList parse_metadata_csv(std::string_view text, const std::string& origin) {
  CsvReader reader(without_byte_order_mark(text), origin);
  const auto head = reader.next().value_or(std::vector<std::string>());
  const std::set<std::string> columns(head.begin(), head.end());
  if (!columns.contains(std::string(kFileColumn)))
    throw DataError(origin, ": expected a column ", kFileColumn, ", got ",
                    head.empty() ? "nothing" : one_line(join(head)));
  LabelList list;
  sort_columns(list, columns);
  const auto file = std::ranges::find(head, kFileColumn) - head.begin();
  const auto label = std::ranges::find(head, list.column) - head.begin();
  while (const auto fields = reader.next()) {
    if (fields->size() != head.size())
      throw DataError(reader.where(), ": expected ", head.size(), " fields, got ", fields->size());
    const auto at = [&](int64_t column) { return (*fields)[static_cast<size_t>(column)]; };
    add_label(list, at(file), list.column.empty() ? "" : at(label), reader.where());
  }
  return list;
}

LabelList parse_metadata_jsonl(std::string_view text, const std::string& origin) {
  const auto lines = parse_lines(without_byte_order_mark(text), origin);
  std::set<std::string> columns;
  for (const auto& line : lines)
    for (const auto& [key, value] : line.object.items())
      columns.insert(key);
  LabelList list;
  sort_columns(list, columns);
  for (const auto& [where, object] : lines) {
    const bool labelled = !list.column.empty();
    const auto label =
        labelled ? label_text(object.value(list.column, json())) : std::make_optional("");
    if (!label) throw DataError(where, ": expected ", list.column, " as a text or a whole number");
    add_label(list, object.at(std::string(kFileColumn)).get<std::string>(), *label, where);
  }
  return list;
}

LabelList parse_dataset_json(std::string_view text, const std::string& origin) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw DataError(origin, ": expected a JSON object");
  const auto labels = object.find("labels");
  LabelList list;
  for (const auto& [key, value] : object.items())
    if (key != "labels") list.other_columns.push_back(key);
  if (labels == object.end() || labels->is_null()) return list;
  if (!labels->is_array()) throw DataError(origin, ": expected labels as a list or null");
  list.column = "labels";
  for (const auto& pair : *labels)
    add_pair(list, pair, origin);
  return list;
}

LabelList parse_label_list(const std::string& file_name, std::string_view text,
                           const std::string& origin) {
  if (file_name == "metadata.csv") return parse_metadata_csv(text, origin);
  if (file_name == "metadata.jsonl") return parse_metadata_jsonl(text, origin);
  return parse_dataset_json(text, origin);
}

}  // namespace ddpm
