#include "ddpm/checkpoint/json.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <vector>

#include "ddpm/checkpoint/foreign_content.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/utf8.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxValues = size_t{1} << 21;  // each takes up to a hundred times its text
constexpr size_t kMaxOrderedKeys = 10'000;      // of an object; each is compared with all before it
constexpr uint64_t kMaxFileBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxResultBytes = uint64_t{256} << 20;
constexpr std::array<std::string_view, 3> kConstants{"-Infinity", "Infinity", "NaN"};

/// Looks through a text before anything is made of it: nlohmann-json itself keeps the last of two
/// equal keys in silence and has no limits, and its callbacks look through an object again for each
/// that ends in it.
class StrictReader : public json::json_sax_t {
 public:
  StrictReader(const std::string& origin, size_t max_keys) : origin_(origin), max_keys_(max_keys) {}

  bool null() override { return count(); }
  bool boolean(bool /*value*/) override { return count(); }
  bool number_integer(json::number_integer_t /*value*/) override { return count(); }
  bool number_unsigned(json::number_unsigned_t /*value*/) override { return count(); }
  bool number_float(json::number_float_t /*value*/, const std::string& /*text*/) override {
    return count();
  }
  bool string(std::string& /*value*/) override { return count(); }
  bool binary(json::binary_t& /*value*/) override { return count(); }

  bool start_object(size_t /*size*/) override {
    keys_.emplace_back();
    return enter();
  }
  bool key(std::string& name) override {
    if (!keys_.back().insert(name).second)
      throw CheckpointError(origin_, ": key ", json(name).dump(), " is given twice");
    if (keys_.back().size() > max_keys_)
      throw CheckpointError(origin_, ": JSON holds too many keys in one object");
    return count();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(size_t /*size*/) override { return enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(size_t /*place*/, const std::string& /*token*/,
                   const json::exception& error) override {
    throw CheckpointError(origin_, ": not valid JSON: ", error.what());
  }

 private:
  bool enter() {
    if (++depth_ > kMaxDepth) throw CheckpointError(origin_, ": JSON is nested too deeply");
    return count();
  }
  bool count() {
    if (++values_ > kMaxValues) throw CheckpointError(origin_, ": JSON holds too many values");
    return true;
  }

  const std::string& origin_;
  size_t max_keys_;
  size_t depth_ = 0;
  size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;
};

template <typename Json>
Json parse_strictly(std::string_view text, const std::string& origin, size_t max_keys) {
  StrictReader reader(origin, max_keys);
  json::sax_parse(text, &reader);
  return Json::parse(text);
}

/// Python's json writes -Infinity, Infinity and NaN, which JSON does not have: quotes them.
std::string with_quoted_constants(std::string_view text) {
  std::string result;
  bool inside_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (inside_text && text[i] == '\\' && i + 1 < text.size()) {
      result += text[i++];
    } else if (text[i] == '"') {
      inside_text = !inside_text;
    }
    const auto rest = text.substr(i);
    const auto* const word = std::ranges::find_if(
        kConstants, [&](std::string_view constant) { return rest.starts_with(constant); });
    if (!inside_text && word != kConstants.end()) {
      result += '"' + std::string(*word) + '"';
      i += word->size() - 1;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string read_text(const std::filesystem::path& path, uint64_t max_bytes) {
  try {
    return read_file(path, max_bytes);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

/// U+007F to U+009F, which drive terminals and which JSON allows as they are, as \u00XX.
std::string with_escaped_controls(std::string_view text) {
  return replace_controls(text, [](unsigned char control) {
    std::array<char, 8> escaped{static_cast<char>(control)};  // a newline between values stays
    if (control >= 0x7F)
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", unsigned{control});
    return std::string(escaped.data());
  });
}

template <typename Json>
std::string dump_shown(const Json& value, int indent) {
  return with_escaped_controls(
      value.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace));
}

}  // namespace

json parse_json(std::string_view text, const std::string& origin) {
  return parse_strictly<json>(text, origin, kMaxValues);
}

json load_json(const std::filesystem::path& path) {
  const auto text = read_text(path, kMaxFileBytes);
  const auto foreign = foreign_content(text);
  if (!foreign.empty()) throw CheckpointError(path.string(), ": ", foreign);
  return parse_json(with_quoted_constants(text), path.string());
}

nlohmann::ordered_json load_ordered_json(const std::filesystem::path& path) {
  return parse_strictly<nlohmann::ordered_json>(read_text(path, kMaxResultBytes), path.string(),
                                                kMaxOrderedKeys);
}

std::string format_json(const json& value) {
  return value.dump(2) + "\n";
}

std::string shown_json(const json& value, int indent) {
  return dump_shown(value, indent);
}

std::string shown_json(const nlohmann::ordered_json& value, int indent) {
  return dump_shown(value, indent);
}

}  // namespace ddpm
