#include "ddpm/app/state_file.h"

#include <cstring>
#include <utility>

#include "ddpm/checkpoint/foreign_content.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// The pickled number with which files of before PyTorch 1.6 begin.
constexpr std::string_view kOldLayout{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                      15};
constexpr std::string_view kPickleEnding = "data.pkl";

torch::Dtype dtype_of(const std::string& name) {
  static const std::map<std::string, torch::Dtype> types{
      {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
      {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
      {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
      {"BOOL", torch::kBool}};
  return types.at(name);
}

/// Errors of archives and files as those of checkpoints.
template <typename Read>
auto as_checkpoint_error(const Read& read) {
  try {
    return read();
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace

StateFile::StateFile(const fs::path& path) : origin_(path.string()) {
  if (path.extension() == ".safetensors") {
    open_safetensors_file(path);
    return;
  }
  auto bytes = as_checkpoint_error([&] { return read_file(path); });
  if (bytes.starts_with("PK")) {
    open_archive(std::move(bytes));
  } else if (bytes.starts_with(kOldLayout)) {
    bytes_ = std::move(bytes);
    open_old_layout();
  } else {
    open_plain_pickle(bytes);
  }
}

/// Holds no tensors, but may be known by what it holds.
void StateFile::open_plain_pickle(const std::string& bytes) {
  const auto foreign = foreign_content(bytes);
  if (!bytes.starts_with('\x80'))
    throw CheckpointError(origin_, ": ",
                          foreign.empty() ? "no file of torch.save, nor any pickle" : foreign);
  content_ = parse_pickle(bytes, origin_);
}

void StateFile::open_archive(std::string bytes) {
  const uint64_t size = bytes.size();
  archive_.emplace(as_checkpoint_error([&] { return ZipReader(std::move(bytes), origin_, size); }));
  std::string root;
  const ZipEntry* pickle = nullptr;
  for (const auto& entry : archive_->entries()) {
    const bool is_root =
        entry.name == kPickleEnding || entry.name.ends_with("/" + std::string(kPickleEnding));
    if (!is_root || (pickle != nullptr && entry.name.size() >= pickle->name.size())) continue;
    pickle = &entry;
    root = entry.name.substr(0, entry.name.size() - kPickleEnding.size());
  }
  if (pickle == nullptr)
    throw CheckpointError(origin_, ": a zip archive without data.pkl, so none of torch.save");
  for (const auto& entry : archive_->entries())
    if (entry.name.starts_with(root + "data/"))
      entries_[entry.name.substr(root.size() + 5)] = entry;
  const auto text = as_checkpoint_error([&] { return archive_->read(*pickle); });
  content_ = parse_pickle(text, origin_);
}

/// A magic number, a version, facts of the machine, the object and the keys of its storages, a
/// pickle each; then the storages, each behind its size in numbers.
void StateFile::open_old_layout() {
  std::string_view rest = bytes_;
  const auto next = [&] {
    auto content = parse_pickle(rest, origin_);
    rest.remove_prefix(content.bytes);
    return content;
  };
  for (int i = 0; i < 3; ++i)
    next();
  content_ = next();
  std::map<std::string, uint64_t> type_bytes;
  for (const auto& [path, tensor] : content_.tensors)
    type_bytes[tensor.storage] = safetensors_type_bytes(tensor.dtype).value();
  for (const auto& key : next().list) {
    uint64_t numbers = 0;
    if (rest.size() < sizeof(numbers)) break;
    std::memcpy(&numbers, rest.data(), sizeof(numbers));
    rest.remove_prefix(sizeof(numbers));
    const auto found = type_bytes.find(key);
    if (found == type_bytes.end() || numbers > rest.size() / found->second) break;
    const auto begin = static_cast<uint64_t>(rest.data() - bytes_.data());
    old_[key] = {.begin = begin, .bytes = numbers * found->second};
    rest.remove_prefix(numbers * found->second);
  }
}

void StateFile::open_safetensors_file(const fs::path& path) {
  tensors_ = load_safetensors(path);
  for (const auto& entry : load_safetensors_header(path).entries) {
    PickledTensor tensor;
    tensor.storage = entry.name;
    tensor.dtype = entry.dtype;
    tensor.shape = entry.shape;
    content_.tensors[entry.name] = std::move(tensor);
  }
}

std::string_view StateFile::storage_bytes(const std::string& key) {
  if (const auto old = old_.find(key); old != old_.end())
    return std::string_view(bytes_).substr(old->second.begin, old->second.bytes);
  const auto entry = entries_.find(key);
  if (entry == entries_.end())
    throw CheckpointError(origin_, ": cut off: the storage ", key, " is missing");
  if (last_key_ != key || last_bytes_.empty()) {
    last_bytes_ = as_checkpoint_error([&] { return archive_->read(entry->second); });
    last_key_ = key;
  }
  return last_bytes_;
}

torch::Tensor StateFile::read(const PickledTensor& tensor) {
  if (!tensors_.empty()) return tensors_.at(tensor.storage);
  const auto type = dtype_of(tensor.dtype);
  const auto bytes = storage_bytes(tensor.storage);
  const auto numbers = static_cast<int64_t>(tensor.storage_size);
  if (bytes.size() / torch::elementSize(type) < tensor.storage_size)
    throw CheckpointError(origin_, ": the storage ", tensor.storage, " has ", bytes.size(),
                          " bytes, expected ", numbers, " numbers of ", tensor.dtype);
  // The tensor only looks at the bytes until it is copied.
  const auto whole = torch::from_blob(const_cast<char*>(bytes.data()), {numbers}, type);
  return whole.as_strided(tensor.shape, tensor.strides, static_cast<int64_t>(tensor.offset))
      .clone(torch::MemoryFormat::Contiguous);
}

}  // namespace ddpm
