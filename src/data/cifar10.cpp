#include "ddpm/data/cifar10.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/data/data_kind.h"
#include "ddpm/data/gzip.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/tar.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::vector<uint8_t>>;

constexpr ImageSize kCifarSize{32, 32, 3};
constexpr uint64_t kMaxNamesBytes = uint64_t{64} << 10;

// What one of the two versions looks like.
struct CifarLayout {
  const char* folder;
  const char* archive;
  const char* names_file;
  std::vector<std::string> train;
  std::vector<std::string> test;
  size_t label_bytes;  // of a record, of which the last is the class; the image follows, channel by
                       // channel
  std::vector<std::string> names;  // without a file of them

  size_t record_bytes() const { return label_bytes + static_cast<size_t>(kCifarSize.bytes()); }
};

CifarLayout cifar10_layout() {
  return {
      "cifar-10-batches-bin",
      "cifar-10-binary.tar.gz",
      "batches.meta.txt",
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
       "data_batch_5.bin"},
      {"test_batch.bin"},
      1,
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}};
}

CifarLayout cifar100_layout() {
  return {"cifar-100-binary",
          "cifar-100-binary.tar.gz",
          "fine_label_names.txt",
          {"train.bin"},
          {"test.bin"},
          2,  // the coarse class, then the fine one
          {}};
}

// `left` is what the batches may still take.
void check_file_size(const fs::path& file, uint64_t size, uint64_t& left) {
  const bool holds_names = file.extension() == ".txt";
  const uint64_t limit = holds_names ? kMaxNamesBytes : left;
  if (size > limit) {
    throw DataError(file.string(), ": expected at most ", limit, " bytes, got ", size);
  }
  if (!holds_names) left -= size;
}

Files read_folder(const fs::path& folder, const std::set<std::string>& wanted, uint64_t limit) {
  Files files;
  for (const std::string& name : wanted) {
    if (!fs::exists(folder / name)) continue;
    const uint64_t size = fs::file_size(folder / name);
    check_file_size(folder / name, size, limit);
    files[name] = GzipReader(folder / name).read(size);
  }
  return files;
}

Files read_archive(const fs::path& archive, const std::set<std::string>& wanted, uint64_t limit) {
  Files files;
  TarReader tar(archive);
  while (const auto entry = tar.next()) {
    const std::string name = fs::path(entry->name).filename().string();
    if (!wanted.contains(name)) continue;
    check_file_size(archive / name, entry->size, limit);
    files[name] = tar.read();
  }
  return files;
}

// The folder or the archive that `root` stands for.
fs::path find_batches(const fs::path& root, const CifarLayout& layout) {
  if (!fs::is_directory(root)) return root;
  for (const char* name : {layout.folder, layout.archive}) {
    if (fs::exists(root / name)) return root / name;
  }
  return root;
}

std::vector<std::string> class_names(const Files& files, const CifarLayout& layout) {
  const auto file = files.find(layout.names_file);
  if (file == files.end()) return layout.names;
  std::vector<std::string> names;
  const std::string text(file->second.begin(), file->second.end());
  for (const std::string& line : split(text, '\n')) {
    if (!trim(line).empty()) names.emplace_back(trim(line));
  }
  return names;
}

std::vector<uint8_t> join_batches(const Files& files, const std::vector<std::string>& names,
                                  size_t record_bytes, const fs::path& where) {
  std::vector<uint8_t> records;
  for (const std::string& name : names) {
    const auto file = files.find(name);
    if (file == files.end()) throw DataError(where.string(), ": expected ", name, " in it");
    if (file->second.empty() || file->second.size() % record_bytes != 0) {
      throw DataError((where / name).string(), ": expected a multiple of ", record_bytes,
                      " bytes, got ", file->second.size());
    }
    records.insert(records.end(), file->second.begin(), file->second.end());
  }
  return records;
}

std::unique_ptr<Dataset> open_cifar(const DataConfig& config, const fs::path& root,
                                    const CifarLayout& layout) {
  const fs::path where = find_batches(root, layout);
  refuse_python_cifar(where);
  if (config.split == "val")
    throw NoSplitError(where.string(), ": CIFAR has no split val, expected train or test");
  const auto& names = config.split == "test" ? layout.test : layout.train;
  std::set<std::string> wanted(names.begin(), names.end());
  wanted.insert(layout.names_file);
  const auto read = fs::is_directory(where) ? read_folder : read_archive;
  const Files files = read(where, wanted, memory_limit(config));
  const size_t step = layout.record_bytes();
  const std::vector<uint8_t> records = join_batches(files, names, step, where);
  std::vector<int64_t> labels;
  for (size_t at = layout.label_bytes - 1; at < records.size(); at += step) {
    labels.push_back(records[at]);
  }
  DatasetInfo info;
  info.name = config.name;
  info.where = where.string();
  info.class_names = class_names(files, layout);
  const auto image = [&](int64_t i) {
    return from_chw(&records[static_cast<size_t>(i) * step + layout.label_bytes], kCifarSize);
  };
  const auto count = static_cast<int64_t>(labels.size());
  return keep_in_memory(std::move(info), {count, kCifarSize, image, std::move(labels)}, config);
}

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DataConfig& config, const fs::path& root) {
  return open_cifar(config, root, cifar10_layout());
}

std::unique_ptr<Dataset> open_cifar100(const DataConfig& config, const fs::path& root) {
  return open_cifar(config, root, cifar100_layout());
}

}  // namespace ddpm
