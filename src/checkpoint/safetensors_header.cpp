#include "ddpm/checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "ddpm/checkpoint/foreign_content.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxRank = 8;

constexpr std::array<std::pair<std::string_view, uint64_t>, 10> kTypeBytes{{
    {"F64", 8},
    {"F32", 4},
    {"F16", 2},
    {"BF16", 2},
    {"I64", 8},
    {"I32", 4},
    {"I16", 2},
    {"I8", 1},
    {"U8", 1},
    {"BOOL", 1},
}};

/// Reads the header's parts, each error naming the file and the tensor.
class HeaderReader {
 public:
  HeaderReader(const std::string& origin, uint64_t data_bytes)
      : origin_(origin),
        data_bytes_(data_bytes) {}

  SafetensorsEntry entry(const std::string& name, const json& value) const {
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
        !value.contains("shape") || !value.contains("data_offsets")) {
      fail(name, "expected exactly dtype, shape and data_offsets");
    }
    SafetensorsEntry entry{.name = name, .dtype = {}, .shape = shape(name, value["shape"])};
    if (!value["dtype"].is_string()) fail(name, "dtype is not a text");
    entry.dtype = value["dtype"].get<std::string>();
    const auto type_bytes = safetensors_type_bytes(entry.dtype);
    if (!type_bytes) fail(name, "type " + entry.dtype + " is not supported");
    const auto& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      fail(name, "data_offsets are not two whole numbers");
    }
    entry.begin = offsets[0].get<uint64_t>();
    entry.end = offsets[1].get<uint64_t>();
    auto extents = entry.shape;
    extents.push_back(static_cast<int64_t>(*type_bytes));
    const auto bytes = checked_product(extents);
    if (entry.end > data_bytes_ || entry.begin > entry.end) {
      fail(name, "data lie beyond the end of the file");
    }
    if (!bytes || entry.end - entry.begin != *bytes) {
      fail(name, "size of the data does not match shape and type");
    }
    return entry;
  }

  std::map<std::string, std::string> metadata(const json& value) const {
    std::map<std::string, std::string> metadata;
    if (!value.is_object()) throw CheckpointError(origin_, ": __metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) throw CheckpointError(origin_, ": __metadata__ holds a non-text");
      metadata[key] = text.get<std::string>();
    }
    return metadata;
  }

  /// The tensors must fill the data without holes or overlaps.
  void check_cover(const std::vector<SafetensorsEntry>& sorted) const {
    uint64_t expected = 0;
    for (const auto& entry : sorted) {
      if (entry.begin != expected) fail(entry.name, "data overlap or leave a hole");
      expected = entry.end;
    }
    if (expected != data_bytes_) {
      throw CheckpointError(origin_, ": damaged, expected ", expected, " bytes of data, got ",
                            data_bytes_);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw CheckpointError(origin_, ": tensor '", name, "': ", what);
  }

  std::vector<int64_t> shape(const std::string& name, const json& value) const {
    if (!value.is_array() || value.size() > kMaxRank) fail(name, "shape is not a short list");
    std::vector<int64_t> shape;
    for (const auto& size : value) {
      if (!size.is_number_unsigned() || size.get<uint64_t>() > uint64_t{INT64_MAX}) {
        fail(name, "shape holds something else than whole numbers");
      }
      shape.push_back(size.get<int64_t>());
    }
    return shape;
  }

  const std::string& origin_;
  uint64_t data_bytes_;
};

uint64_t header_length(std::string_view prefix, uint64_t file_size, const std::string& origin) {
  uint64_t length = 0;
  if (prefix.size() < kSafetensorsLengthBytes)
    throw CheckpointError(origin, ": too short for safetensors");
  std::memcpy(&length, prefix.data(), kSafetensorsLengthBytes);
  if (length > kMaxHeaderBytes || length > file_size - kSafetensorsLengthBytes) {
    throw CheckpointError(origin, ": not a safetensors file, or cut off within its header");
  }
  return length;
}

void read_exactly(std::ifstream& file, char* out, uint64_t bytes, const std::string& origin) {
  if (!file.read(out, static_cast<std::streamsize>(bytes))) {
    throw CheckpointError(origin, ": cannot read: ", std::strerror(errno));
  }
}

/// Tells what is in the file if that is no safetensors at all; leaves it at its start.
void check_content(std::ifstream& file, uint64_t file_size, const std::string& origin) {
  std::string begin(std::min(file_size, uint64_t{kForeignContentBytes}), '\0');
  read_exactly(file, begin.data(), begin.size(), origin);
  const auto foreign = foreign_content(begin);
  if (!foreign.empty()) throw CheckpointError(origin, ": ", foreign);
  file.seekg(0);
}

}  // namespace

std::optional<uint64_t> safetensors_type_bytes(std::string_view dtype) {
  const auto* const row =
      std::ranges::find(kTypeBytes, dtype, &decltype(kTypeBytes)::value_type::first);
  return row == kTypeBytes.end() ? std::nullopt : std::optional(row->second);
}

SafetensorsHeader parse_safetensors_header(std::string_view prefix, uint64_t file_size,
                                           const std::string& origin) {
  const uint64_t length = header_length(prefix, file_size, origin);
  if (prefix.size() - kSafetensorsLengthBytes < length)
    throw std::invalid_argument("prefix must hold the whole header");
  const auto text = prefix.substr(kSafetensorsLengthBytes, length);
  if (!text.starts_with('{')) throw CheckpointError(origin, ": not a safetensors file");
  const json parsed = parse_json(text, origin);
  SafetensorsHeader header;
  header.data_begin = kSafetensorsLengthBytes + length;
  const HeaderReader reader(origin, file_size - header.data_begin);
  for (const auto& [name, value] : parsed.items()) {
    if (name == "__metadata__") {
      header.metadata = reader.metadata(value);
    } else {
      header.entries.push_back(reader.entry(name, value));
    }
  }
  std::ranges::stable_sort(header.entries, [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  reader.check_cover(header.entries);
  return header;
}

SafetensorsHeader open_safetensors(const std::filesystem::path& path, std::ifstream& file) {
  const std::string origin = path.string();
  std::error_code code;
  const uint64_t file_size = std::filesystem::file_size(path, code);
  if (!code) file.open(path, std::ios::binary);  // of a pipe it would wait for the other end
  if (code || !file) throw CheckpointError(origin, ": cannot read the file");
  check_content(file, file_size, origin);
  std::string prefix(std::min(file_size, kSafetensorsLengthBytes), '\0');
  read_exactly(file, prefix.data(), prefix.size(), origin);
  const uint64_t length = header_length(prefix, file_size, origin);
  prefix.resize(kSafetensorsLengthBytes + length);
  read_exactly(file, prefix.data() + kSafetensorsLengthBytes, length, origin);
  return parse_safetensors_header(prefix, file_size, origin);
}

SafetensorsHeader load_safetensors_header(const std::filesystem::path& path) {
  std::ifstream file;
  return open_safetensors(path, file);
}

}  // namespace ddpm
