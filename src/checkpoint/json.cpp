#include "ddpm/checkpoint/json.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxValues = size_t{1} << 21;  // each takes up to a hundred times its text
constexpr std::array<std::string_view, 3> kConstants{"-Infinity", "Infinity", "NaN"};
constexpr uint64_t kMaxFileBytes = uint64_t{16} << 20;

/// Watches the parser: nlohmann-json itself keeps the last of two equal keys in silence.
class StrictCallback {
 public:
  explicit StrictCallback(const std::string& origin) : origin_(origin) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (static_cast<size_t>(depth) > kMaxDepth) {
      throw CheckpointError(origin_, ": JSON is nested too deeply");
    }
    if (++events_ > kMaxValues) throw CheckpointError(origin_, ": JSON holds too many values");
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event == json::parse_event_t::key &&
        !keys_.back().insert(parsed.get<std::string>()).second) {
      throw CheckpointError(origin_, ": key ", parsed.dump(), " is given twice");
    }
    return true;
  }

 private:
  const std::string& origin_;
  std::vector<std::set<std::string>> keys_;
  size_t events_ = 0;
};

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

}  // namespace

json parse_json(std::string_view text, const std::string& origin) {
  StrictCallback callback(origin);
  try {
    return json::parse(text, std::ref(callback));
  } catch (const json::exception& error) {
    throw CheckpointError(origin, ": not valid JSON: ", error.what());
  }
}

json load_json(const std::filesystem::path& path) {
  try {
    return parse_json(with_quoted_constants(read_file(path, kMaxFileBytes)), path.string());
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

std::string format_json(const json& value) {
  return value.dump(2) + "\n";
}

}  // namespace ddpm
