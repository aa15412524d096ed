#include "ddpm/checkpoint/json.h"

#include <set>
#include <vector>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;
constexpr uint64_t kMaxFileBytes = uint64_t{16} << 20;

/// Watches the parser: nlohmann-json itself keeps the last of two equal keys in silence.
class StrictCallback {
 public:
  explicit StrictCallback(const std::string& origin) : origin_(origin) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (static_cast<size_t>(depth) > kMaxDepth) {
      throw CheckpointError(origin_, ": JSON is nested too deeply");
    }
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
};

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
    return parse_json(read_file(path, kMaxFileBytes), path.string());
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

std::string format_json(const json& value) {
  return value.dump(2) + "\n";
}

}  // namespace ddpm
