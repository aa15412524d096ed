#include "ddpm/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/checkpoint/finite_weights.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

struct Dtype {
  const char* name;
  torch::Dtype type;
};

constexpr Dtype kDtypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool},
};

/// `name` is a type that headers may have.
torch::Dtype dtype_named(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kDtypes, [&](const Dtype& row) { return name == row.name; });
  TORCH_CHECK(found != std::end(kDtypes), "no type for ", std::string(name));
  return found->type;
}

const Dtype& dtype_of(const torch::Tensor& tensor) {
  const auto* const found = std::ranges::find(kDtypes, tensor.scalar_type(), &Dtype::type);
  TORCH_CHECK(found != std::end(kDtypes), "no safetensors type for ", tensor.scalar_type());
  return *found;
}

/// The tensors in the order in which their data are written.
std::vector<std::pair<std::string, torch::Tensor>> in_file_order(const NamedTensors& tensors) {
  std::vector<std::pair<std::string, torch::Tensor>> ordered(tensors.begin(), tensors.end());
  std::ranges::stable_sort(ordered, std::ranges::greater{},
                           [](const auto& item) { return item.second.element_size(); });
  return ordered;
}

std::string format_header(const std::vector<std::pair<std::string, torch::Tensor>>& ordered,
                          const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : ordered) {
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", dtype_of(tensor).name},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

NamedTensors load_safetensors(const std::filesystem::path& path) {
  std::ifstream file;
  const auto header = open_safetensors(path, file);
  NamedTensors tensors;
  for (const auto& entry : header.entries) {
    auto tensor = torch::empty(entry.shape, dtype_named(entry.dtype));
    const auto bytes = static_cast<std::streamsize>(entry.end - entry.begin);
    if (!file.read(static_cast<char*>(tensor.data_ptr()), bytes))
      throw CheckpointError(path.string(), ": cannot read: ", std::strerror(errno));
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

NamedTensors load_finite_safetensors(const std::filesystem::path& path) {
  auto tensors = load_safetensors(path);
  check_finite_weights(tensors, path.string());
  return tensors;
}

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const auto ordered = in_file_order(tensors);
  const std::string header = format_header(ordered, metadata);
  const uint64_t length = header.size();
  FileWriter file(path);
  file.write({reinterpret_cast<const char*>(&length), kSafetensorsLengthBytes});
  file.write(header);
  for (const auto& [name, tensor] : ordered) {
    const auto plain = tensor.detach().to(torch::kCPU).contiguous();
    file.write({static_cast<const char*>(plain.data_ptr()), plain.nbytes()});
  }
  file.close();
}

void replace_safetensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  const auto fresh = temporary_beside(path);
  std::error_code code;
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
