#include "ddpm/data/cifar10.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

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
constexpr size_t kRecordBytes = 1 + 32 * 32 * 3;  // a label, then the image channel by channel
constexpr uint64_t kMaxNamesBytes = uint64_t{64} << 10;
constexpr const char* kFolder = "cifar-10-batches-bin";
constexpr const char* kArchive = "cifar-10-binary.tar.gz";
constexpr const char* kNamesFile = "batches.meta.txt";

std::vector<std::string> batch_names(const std::string& split) {
  if (split == "test") return {"test_batch.bin"};
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
          "data_batch_5.bin"};
}

// `left` is what the batches may still take.
void check_file_size(const fs::path& file, uint64_t size, uint64_t& left) {
  const bool holds_names = file.filename() == kNamesFile;
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
fs::path find_batches(const fs::path& root) {
  if (!fs::is_directory(root)) return root;
  for (const char* name : {kFolder, kArchive}) {
    if (fs::exists(root / name)) return root / name;
  }
  return root;
}

std::vector<std::string> class_names(const Files& files) {
  const auto file = files.find(kNamesFile);
  if (file == files.end()) {
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  }
  std::vector<std::string> names;
  const std::string text(file->second.begin(), file->second.end());
  for (const std::string& line : split(text, '\n')) {
    if (!trim(line).empty()) names.emplace_back(trim(line));
  }
  return names;
}

std::vector<uint8_t> join_batches(const Files& files, const std::vector<std::string>& names,
                                  const fs::path& where) {
  std::vector<uint8_t> records;
  for (const std::string& name : names) {
    const auto file = files.find(name);
    if (file == files.end()) throw DataError(where.string(), ": expected ", name, " in it");
    if (file->second.empty() || file->second.size() % kRecordBytes != 0) {
      throw DataError((where / name).string(), ": expected a multiple of ", kRecordBytes,
                      " bytes, got ", file->second.size());
    }
    records.insert(records.end(), file->second.begin(), file->second.end());
  }
  return records;
}

}  // namespace

std::unique_ptr<Dataset> open_cifar10(const DataConfig& config, const fs::path& root) {
  const fs::path where = find_batches(root);
  const std::vector<std::string> names = batch_names(config.split);
  std::set<std::string> wanted(names.begin(), names.end());
  wanted.insert(kNamesFile);
  const auto read = fs::is_directory(where) ? read_folder : read_archive;
  const Files files = read(where, wanted, memory_limit(config));
  const std::vector<uint8_t> records = join_batches(files, names, where);
  std::vector<int64_t> labels;
  for (size_t at = 0; at < records.size(); at += kRecordBytes) {
    labels.push_back(records[at]);
  }
  DatasetInfo info;
  info.name = config.name;
  info.where = where.string();
  info.class_names = class_names(files);
  const auto image = [&](int64_t i) {
    return from_chw(&records[static_cast<size_t>(i) * kRecordBytes + 1], kCifarSize);
  };
  const auto count = static_cast<int64_t>(labels.size());
  return keep_in_memory(std::move(info), {count, kCifarSize, image, std::move(labels)}, config);
}

}  // namespace ddpm
