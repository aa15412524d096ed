#include "ddpm/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <optional>

#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxRank = 8;

struct Dtype {
  const char* name;
  torch::Dtype type;
  uint64_t bytes;
};

constexpr Dtype kDtypes[] = {
    {"F64", torch::kFloat64, 8},   {"F32", torch::kFloat32, 4}, {"F16", torch::kFloat16, 2},
    {"BF16", torch::kBFloat16, 2}, {"I64", torch::kInt64, 8},   {"I32", torch::kInt32, 4},
    {"I16", torch::kInt16, 2},     {"I8", torch::kInt8, 1},     {"U8", torch::kUInt8, 1},
    {"BOOL", torch::kBool, 1},
};

const Dtype* find_dtype(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kDtypes, [&](const Dtype& row) { return name == row.name; });
  return found == std::end(kDtypes) ? nullptr : found;
}

const Dtype& dtype_of(const torch::Tensor& tensor) {
  const auto* const found = std::ranges::find(kDtypes, tensor.scalar_type(), &Dtype::type);
  TORCH_CHECK(found != std::end(kDtypes), "no safetensors type for ", tensor.scalar_type());
  return *found;
}

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
    const auto* const dtype = find_dtype(entry.dtype);
    if (dtype == nullptr) fail(name, "type " + entry.dtype + " is not supported");
    const auto& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      fail(name, "data_offsets are not two whole numbers");
    }
    entry.begin = offsets[0].get<uint64_t>();
    entry.end = offsets[1].get<uint64_t>();
    const auto bytes = byte_count(entry.shape, dtype->bytes);
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

  /// Product of the sizes, unless it overflows.
  static std::optional<uint64_t> byte_count(const std::vector<int64_t>& shape, uint64_t bytes) {
    for (const int64_t size : shape) {
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) return std::nullopt;
    }
    return bytes;
  }

  const std::string& origin_;
  uint64_t data_bytes_;
};

uint64_t header_length(std::string_view prefix, uint64_t file_size, const std::string& origin) {
  uint64_t length = 0;
  if (prefix.size() < kLengthBytes) throw CheckpointError(origin, ": too short for safetensors");
  std::memcpy(&length, prefix.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > file_size - kLengthBytes) {
    throw CheckpointError(origin, ": not a safetensors file, or cut off within its header");
  }
  return length;
}

template <typename T>
void read_exactly(std::ifstream& file, T* out, uint64_t bytes, const std::string& origin) {
  if (!file.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(bytes))) {
    throw CheckpointError(origin, ": cannot read: ", std::strerror(errno));
  }
}

/// The tensors in the order in which their data are written.
std::vector<std::pair<std::string, torch::Tensor>> in_file_order(const NamedTensors& tensors) {
  std::vector<std::pair<std::string, torch::Tensor>> ordered(tensors.begin(), tensors.end());
  std::ranges::stable_sort(ordered, std::ranges::greater{},
                           [](const auto& item) { return dtype_of(item.second).bytes; });
  return ordered;
}

std::string format_header(const std::vector<std::pair<std::string, torch::Tensor>>& ordered,
                          const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    const auto& dtype = dtype_of(tensor);
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel()) * dtype.bytes;
    header[name] = {
        {"dtype", dtype.name}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view prefix, uint64_t file_size,
                                           const std::string& origin) {
  const uint64_t length = header_length(prefix, file_size, origin);
  TORCH_CHECK(prefix.size() >= kLengthBytes + length, "prefix must hold the whole header");
  const auto text = prefix.substr(kLengthBytes, length);
  if (!text.starts_with('{')) throw CheckpointError(origin, ": not a safetensors file");
  const json parsed = parse_json(text, origin);
  SafetensorsHeader header;
  header.data_begin = kLengthBytes + length;
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

namespace {

/// Leaves `file` at the start of the data.
SafetensorsHeader open_safetensors(const std::filesystem::path& path, std::ifstream& file) {
  const std::string origin = path.string();
  std::error_code code;
  const uint64_t file_size = std::filesystem::file_size(path, code);
  file.open(path, std::ios::binary);
  if (code || !file) throw CheckpointError(origin, ": cannot read the file");
  std::string prefix(std::min(file_size, kLengthBytes), '\0');
  read_exactly(file, prefix.data(), prefix.size(), origin);
  const uint64_t length = header_length(prefix, file_size, origin);
  prefix.resize(kLengthBytes + length);
  read_exactly(file, prefix.data() + kLengthBytes, length, origin);
  return parse_safetensors_header(prefix, file_size, origin);
}

}  // namespace

SafetensorsHeader load_safetensors_header(const std::filesystem::path& path) {
  std::ifstream file;
  return open_safetensors(path, file);
}

NamedTensors load_safetensors(const std::filesystem::path& path) {
  std::ifstream file;
  const auto header = open_safetensors(path, file);
  NamedTensors tensors;
  for (const auto& entry : header.entries) {
    auto tensor = torch::empty(entry.shape, find_dtype(entry.dtype)->type);
    read_exactly(file, static_cast<char*>(tensor.data_ptr()), entry.end - entry.begin,
                 path.string());
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const auto ordered = in_file_order(tensors);
  const std::string header = format_header(ordered, metadata);
  const uint64_t length = header.size();
  FileWriter file(path);
  file.write({reinterpret_cast<const char*>(&length), kLengthBytes});
  file.write(header);
  for (const auto& [name, tensor] : ordered) {
    const auto plain = tensor.detach().to(torch::kCPU).contiguous();
    file.write({static_cast<const char*>(plain.data_ptr()), plain.nbytes()});
  }
  file.close();
}

void replace_safetensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  const std::filesystem::path fresh = path.string() + ".new";
  std::error_code code;
  std::filesystem::remove(fresh, code);
  try {
    save_safetensors(fresh, tensors);
  } catch (const UserError&) {
    std::filesystem::remove(fresh, code);
    throw;
  }
  std::filesystem::rename(fresh, path, code);
  if (code) throw DiskError(path.string(), ": cannot rename into place: ", code.message());
}

}  // namespace ddpm
