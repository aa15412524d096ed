#include "ddpm/data/folder.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ddpm/data/folder_scan.h"
#include "ddpm/data/image_io.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/parallel.h"
#include "ddpm/data/sixteen_bits.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// The files of a folder and how they become images of one size.
class FolderFiles {
 public:
  FolderFiles(const DataConfig& config, const fs::path& root)
      : listing_(scan_folder(root, config.split)),
        limits_{config.max_image_pixels},
        skip_bad_(config.skip_bad),
        any_size_(!config.image_size.empty()),
        size_(wanted_size(config, first_size())) {}

  const FolderListing& listing() const { return listing_; }
  const ImageSize& size() const { return size_; }
  int64_t count() const { return static_cast<int64_t>(listing_.files.size()); }
  const fs::path& file(int64_t index) const {
    return listing_.files.at(static_cast<size_t>(index));
  }
  int64_t label(int64_t index) const {
    return listing_.labels.empty() ? -1 : listing_.labels.at(static_cast<size_t>(index));
  }

  // False if the file is broken and may be skipped.
  bool read(int64_t index, uint8_t* chw, SixteenBits* depth = nullptr) const {
    const auto image =
        unless_broken([&] { return load_image(file(index), size_.channels, limits_); });
    if (!image) return false;
    if (depth != nullptr) depth->note(*image);
    check_size(index, image->height, image->width);
    to_chw(fit_image(*image, size_), chw);
    return true;
  }

  // Looks at a few files, where all are not read at once; broken ones tell when they are read.
  void look_at_depth(SixteenBits& depth) const {
    constexpr int64_t kFew = 16;
    const int64_t looked_at = std::min(kFew, count());
    for (int64_t i = 0; i < looked_at; ++i) {
      try {
        depth.note(load_image(file(i * count() / looked_at), 0, limits_));
      } catch (const DataError&) {
        continue;
      }
    }
  }

  // Refuses files of another size by their headers, where all must be of one.
  void check_sizes(int64_t threads) const {
    if (any_size_) return;
    parallel_for(count(), threads, [this](int64_t i) {
      const auto size = unless_broken([&] { return probe_image_file(file(i), limits_); });
      if (size) check_size(i, size->height, size->width);
    });
  }

 private:
  template <typename Read>
  auto unless_broken(const Read& read) const -> std::optional<decltype(read())> {
    try {
      return read();
    } catch (const DataError&) {
      if (!skip_bad_) throw;
      return std::nullopt;
    }
  }

  ImageSize first_size() const {
    for (const fs::path& path : listing_.files) {
      const auto size = unless_broken([&] { return probe_image_file(path, limits_); });
      if (size) return *size;
    }
    throw DataError(listing_.files.front().string(),
                    ": expected an image, but neither this nor any of ", listing_.files.size(),
                    " files can be read");
  }

  void check_size(int64_t index, int64_t height, int64_t width) const {
    if (any_size_ || (height == size_.height && width == size_.width)) return;
    throw DataError(file(index).string(), ": expected ", size_.height, " x ", size_.width,
                    " as the first image, got ", height, " x ", width,
                    "; set data.image_size to bring all to one size");
  }

  FolderListing listing_;
  ImageLimits limits_;
  bool skip_bad_;
  bool any_size_;
  ImageSize size_;
};

DatasetInfo describe(const DataConfig& config, const fs::path& root, const FolderFiles& files) {
  DatasetInfo info;
  info.name = config.name;
  info.where = root.string();
  info.images = files.count();
  info.channels = files.size().channels;
  info.height = files.size().height;
  info.width = files.size().width;
  info.class_names = files.listing().class_names;
  info.num_classes = static_cast<int64_t>(info.class_names.size());
  return info;
}

// Decodes when read.
class FolderDataset : public Dataset {
 public:
  FolderDataset(DatasetInfo info, FolderFiles files)
      : Dataset(std::move(info)),
        files_(std::move(files)) {}

  int64_t label(int64_t index) const override { return files_.label(index); }

  int64_t skipped() const override {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(broken_.size());
  }

  void read(int64_t index, uint8_t* chw) const override {
    try {
      for (int64_t i = index; is_broken(i) || !files_.read(i, chw);) {
        note_broken(i);
        i = next_of_class(i);
        if (i == index) throw DataError(files_.file(i).string(), ": no good file in its class");
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

  void note_broken(int64_t index) const {
    const std::lock_guard lock(mutex_);
    broken_.insert(index);
  }

  int64_t next_of_class(int64_t index) const {
    const int64_t next = index + 1;
    if (next < files_.count() && label(next) == label(index)) return next;
    const auto& labels = files_.listing().labels;
    return std::lower_bound(labels.begin(), labels.end(), label(index)) - labels.begin();
  }

  FolderFiles files_;
  mutable std::mutex mutex_;
  mutable std::set<int64_t> broken_;
};

// Closes the gaps that broken files left; gives their number.
int64_t remove_broken(const std::vector<uint8_t>& broken, size_t image_bytes,
                      std::vector<uint8_t>& pixels, std::vector<int64_t>& labels) {
  size_t kept = 0;
  for (size_t i = 0; i < broken.size(); ++i) {
    if (broken[i] != 0) continue;
    std::copy_n(pixels.data() + i * image_bytes, image_bytes, pixels.data() + kept * image_bytes);
    if (!labels.empty()) labels[kept] = labels[i];
    ++kept;
  }
  pixels.resize(kept * image_bytes);
  labels.resize(std::min(kept, labels.size()));
  return static_cast<int64_t>(broken.size() - kept);
}

std::unique_ptr<Dataset> load_all(const FolderFiles& files, DatasetInfo info, int64_t threads) {
  const auto image_bytes = static_cast<size_t>(files.size().bytes());
  const auto count = static_cast<size_t>(files.count());
  std::vector<uint8_t> pixels(count * image_bytes);
  std::vector<uint8_t> broken(count, 0);
  SixteenBits depth;
  parallel_for(files.count(), threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    broken[at] = files.read(i, pixels.data() + at * image_bytes, &depth) ? 0 : 1;
  });
  depth.warn_if_dark(info.where);
  std::vector<int64_t> labels = files.listing().labels;
  info.skipped = remove_broken(broken, image_bytes, pixels, labels);
  info.images -= info.skipped;
  if (info.images == 0) throw DataError(info.where, ": none of its ", count, " files can be read");
  return std::make_unique<MemoryDataset>(std::move(info), std::move(pixels), std::move(labels));
}

}  // namespace

std::unique_ptr<Dataset> open_folder(const DataConfig& config, const fs::path& root) {
  if (!fs::is_directory(root)) throw DataError(root.string(), ": expected a folder");
  FolderFiles files(config, root);
  DatasetInfo info = describe(config, root, files);
  const double bytes = static_cast<double>(files.size().bytes()) * static_cast<double>(info.images);
  if (bytes <= config.memory_limit_gb * 1e9)
    return load_all(files, std::move(info), config.workers);
  files.check_sizes(config.workers);
  SixteenBits depth;
  files.look_at_depth(depth);
  depth.warn_if_dark(info.where);
  return std::make_unique<FolderDataset>(std::move(info), std::move(files));
}

}  // namespace ddpm
