#include "ddpm/data/folder.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/data/folder_images.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/parallel.h"
#include "ddpm/data/sixteen_bits.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

std::string fingerprint_of(const FolderImages& images) {
  Sha256 hash;
  for (const auto& name : images.listing().files)
    hash.update(name + '\0' + images.files().mark(name) + '\n');
  return "files " + hash.finish();
}

DatasetInfo describe(const DataConfig& config, const FolderImages& images) {
  const auto& listing = images.listing();
  DatasetInfo info;
  info.name = config.name;
  info.where = images.files().where();
  info.images = images.count();
  info.channels = images.size().channels;
  info.height = images.size().height;
  info.width = images.size().width;
  info.class_names = listing.class_names;
  info.num_classes = listing.num_classes;
  info.left_out = listing.left_out;
  info.notes = listing.notes;
  info.warnings = listing.warnings;
  if (auto colours = images.describe_colours(); !colours.empty())
    info.notes.push_back(std::move(colours));
  info.fingerprint = fingerprint_of(images);
  return info;
}

// Decodes when read.
class FolderDataset : public Dataset {
 public:
  FolderDataset(DatasetInfo info, FolderImages images)
      : Dataset(std::move(info)),
        images_(std::move(images)) {}

  int64_t label(int64_t index) const override { return images_.label(index); }

  int64_t skipped() const override {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(broken_.size());
  }

  std::vector<std::string> broken_files() const override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> reasons;
    for (const auto& [index, reason] : broken_)
      reasons.push_back(reason);
    return reasons;
  }

  void read(int64_t index, uint8_t* chw) const override {
    try {
      std::string reason;
      for (int64_t i = index; is_broken(i) || !images_.read(i, chw, reason);) {
        note_broken(i, reason);
        i = next_of_class(i);
        if (i == index) throw DataError(images_.place(i), ": no good file in its class");
      }
    } catch (const DataError& error) {
      throw DataError("data: ", error.what());
    }
  }

 private:
  /// As an earlier reading has found: a class of broken files alone is not gone through again for
  /// each.
  bool is_broken(int64_t index) const {
    const std::lock_guard lock(mutex_);
    return broken_.contains(index);
  }

  void note_broken(int64_t index, const std::string& reason) const {
    const std::lock_guard lock(mutex_);
    const bool first = broken_.empty();
    if (!broken_.emplace(index, reason).second || !first) return;
    log_warning(reason +
                "; it is skipped, as others will be (data.skip_bad), and another of its "
                "class takes its place");
  }

  int64_t next_of_class(int64_t index) const {
    const int64_t next = index + 1;
    if (next < images_.count() && label(next) == label(index)) return next;
    const auto& labels = images_.listing().labels;
    return std::lower_bound(labels.begin(), labels.end(), label(index)) - labels.begin();
  }

  FolderImages images_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::string> broken_;  // and why
};

// Decoded images, and the broken files that were left out of them.
class LoadedFolder : public MemoryDataset {
 public:
  LoadedFolder(DatasetInfo info, std::vector<uint8_t> pixels, std::vector<int64_t> labels,
               std::vector<std::string> broken)
      : MemoryDataset(std::move(info), std::move(pixels), std::move(labels)),
        broken_(std::move(broken)) {}

  std::vector<std::string> broken_files() const override { return broken_; }

 private:
  std::vector<std::string> broken_;
};

// Closes the gaps that broken files left. `broken` has a reason for each of these, "" for others.
void remove_broken(const std::vector<std::string>& broken, size_t image_bytes,
                   std::vector<uint8_t>& pixels, std::vector<int64_t>& labels) {
  size_t kept = 0;
  for (size_t i = 0; i < broken.size(); ++i) {
    if (!broken[i].empty()) continue;
    std::copy_n(pixels.data() + i * image_bytes, image_bytes, pixels.data() + kept * image_bytes);
    if (!labels.empty()) labels[kept] = labels[i];
    ++kept;
  }
  pixels.resize(kept * image_bytes);
  labels.resize(std::min(kept, labels.size()));
}

std::unique_ptr<Dataset> load_all(const FolderImages& images, DatasetInfo info, int64_t threads) {
  const auto image_bytes = static_cast<size_t>(images.size().bytes());
  const auto count = static_cast<size_t>(images.count());
  std::vector<uint8_t> pixels(count * image_bytes);
  std::vector<std::string> broken(count);
  SixteenBits depth;
  parallel_for(images.count(), threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    images.read(i, pixels.data() + at * image_bytes, broken[at], &depth);
  });
  depth.warn_if_dark(info.where);
  std::vector<int64_t> labels = images.listing().labels;
  remove_broken(broken, image_bytes, pixels, labels);
  std::erase(broken, "");
  info.skipped = std::ssize(broken);
  info.images -= info.skipped;
  if (info.images == 0) throw DataError(info.where, ": none of its ", count, " files can be read");
  if (info.skipped > 0)
    info.warnings.push_back(
        std::to_string(info.skipped) + " of " + std::to_string(count) +
        " files are broken and skipped (data.skip_bad), the first: " + broken.front());
  return std::make_unique<LoadedFolder>(std::move(info), std::move(pixels), std::move(labels),
                                        std::move(broken));
}

}  // namespace

std::unique_ptr<Dataset> open_folder(const DataConfig& config, const fs::path& root) {
  FolderImages images(config, open_image_files(root, memory_limit(config)));
  DatasetInfo info = describe(config, images);
  const double bytes =
      static_cast<double>(images.size().bytes()) * static_cast<double>(info.images);
  if (bytes <= config.memory_limit_gb * 1e9)
    return load_all(images, std::move(info), config.workers);
  images.look_at_depth();
  return std::make_unique<FolderDataset>(std::move(info), std::move(images));
}

}  // namespace ddpm
