#include "ddpm/data/memory_dataset.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "ddpm/data/parallel.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr int64_t kMaxClasses = 1'000'000;

int64_t count_classes(const DatasetInfo& info, const std::vector<int64_t>& labels) {
  if (labels.empty()) return 0;
  const auto named = static_cast<int64_t>(info.class_names.size());
  const int64_t limit = named > 0 ? named : kMaxClasses;
  const auto [least, most] = std::minmax_element(labels.begin(), labels.end());
  if (*least < 0 || *most >= limit) {
    throw DataError(info.where, ": expected labels from 0 to ", limit - 1, ", got ",
                    *least < 0 ? *least : *most);
  }
  return named > 0 ? named : *most + 1;
}

void check_memory(const DatasetInfo& info, const DataConfig& config) {
  const double bytes = static_cast<double>(info.images) *
                       static_cast<double>(info.channels * info.height * info.width);
  if (bytes > config.memory_limit_gb * 1e9) {
    throw DataError(info.where, ": takes ", format_bytes(bytes), " of memory, expected at most ",
                    format_number(config.memory_limit_gb),
                    " GB; raise data.memory_limit_gb or choose a smaller data.image_size");
  }
}

// Of some images as they are stored, spread over all, and of all labels.
std::string fingerprint_of(const StoredImages& images) {
  constexpr int64_t kLooked = 256;
  Sha256 hash;
  hash.update(std::to_string(images.count) + " " + std::to_string(images.size.bytes()));
  const int64_t looked = std::min(images.count, kLooked);
  for (int64_t i = 0; i < looked; ++i) {
    const auto pixels = images.image(i * images.count / looked).pixels;
    hash.update({reinterpret_cast<const char*>(pixels.data()), pixels.size()});
  }
  for (const int64_t label : images.labels)
    hash.update(std::to_string(label) + ",");
  return "contents " + hash.finish();
}

}  // namespace

MemoryDataset::MemoryDataset(DatasetInfo info, std::vector<uint8_t> pixels,
                             std::vector<int64_t> labels)
    : Dataset(std::move(info)),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)) {
  const DatasetInfo& about = this->info();
  const auto size = checked_product({about.channels, about.height, about.width});
  const auto total = checked_product({about.images, static_cast<int64_t>(size.value_or(0))});
  if (!size || total != pixels_.size() ||
      (!labels_.empty() && static_cast<int64_t>(labels_.size()) != about.images)) {
    throw std::invalid_argument("pixels or labels do not fit the images");
  }
  image_bytes_ = *size;
}

int64_t MemoryDataset::label(int64_t index) const {
  return labels_.empty() ? -1 : labels_.at(static_cast<size_t>(index));
}

void MemoryDataset::read(int64_t index, uint8_t* chw) const {
  if (index < 0 || index >= info().images) throw std::out_of_range("no such image");
  std::copy_n(pixels_.data() + static_cast<size_t>(index) * image_bytes_, image_bytes_, chw);
}

ImageSize wanted_size(const DataConfig& config, const ImageSize& stored) {
  ImageSize size = stored;
  if (!config.image_size.empty()) {
    size.height = config.image_size.front();
    size.width = config.image_size.back();
  }
  const auto [least, most] = std::minmax(size.height, size.width);
  if (config.image_size.size() > 2 || least < 1 || most > kMaxImageSide) {
    throw UserError("data.image_size: expected one or two numbers from 1 to ", kMaxImageSide);
  }
  if (config.channels != 0) size.channels = config.channels;
  if (size.channels != 1 && size.channels != 3) {
    throw UserError("data.channels: expected 0, 1 or 3, got ", size.channels);
  }
  return size;
}

uint64_t memory_limit(const DataConfig& config) {
  constexpr double kMost = 1e18;  // fits into the type
  return static_cast<uint64_t>(std::min(config.memory_limit_gb * 1e9, kMost));
}

std::unique_ptr<Dataset> keep_in_memory(DatasetInfo info, StoredImages images,
                                        const DataConfig& config) {
  if (images.count == 0 || images.size.bytes() == 0) throw DataError(info.where, ": has no images");
  if (std::max(images.size.height, images.size.width) > kMaxImageSide)
    throw DataError(info.where, ": expected images with sides up to ", kMaxImageSide, ", got ",
                    images.size.height, " x ", images.size.width);
  const ImageSize size = wanted_size(config, images.size);
  if (config.labels == DataLabels::kNone) {
    images.labels.clear();
    info.class_names.clear();
  }
  info.images = images.count;
  info.channels = size.channels;
  info.height = size.height;
  info.width = size.width;
  info.num_classes = count_classes(info, images.labels);
  check_memory(info, config);
  info.fingerprint = fingerprint_of(images);
  std::vector<uint8_t> pixels(static_cast<size_t>(size.bytes() * images.count));
  parallel_for(images.count, config.workers, [&](int64_t i) {
    to_chw(fit_image(images.image(i), size), pixels.data() + i * size.bytes());
  });
  return std::make_unique<MemoryDataset>(std::move(info), std::move(pixels),
                                         std::move(images.labels));
}

}  // namespace ddpm
