#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/image.h"

namespace ddpm {

/// Images kept as bytes in memory.
class MemoryDataset : public Dataset {
 public:
  /// `pixels` holds the images one after another, each `[channels, height, width]`; `labels` one
  /// class for each image, or nothing. `std::invalid_argument` if the sizes disagree.
  MemoryDataset(DatasetInfo info, std::vector<uint8_t> pixels, std::vector<int64_t> labels);

  int64_t label(int64_t index) const override;
  void read(int64_t index, uint8_t* chw) const override;

 private:
  size_t image_bytes_;
  std::vector<uint8_t> pixels_;
  std::vector<int64_t> labels_;
};

/// The size that `data.image_size` and `data.channels` ask for, `stored` where they are silent.
/// `UserError` if they are no sizes.
ImageSize wanted_size(const DataConfig& config, const ImageSize& stored);

/// `data.memory_limit_gb` in bytes, which also the images as stored must not exceed.
uint64_t memory_limit(const DataConfig& config);

/// Images as a file holds them: all of one size, made one at a time.
struct StoredImages {
  int64_t count = 0;
  ImageSize size;
  std::function<Image(int64_t)> image;
  std::vector<int64_t> labels;  // empty: none
};

/// A dataset of the images in the wanted size, without labels if `data.labels` is none. Of `info`,
/// `name`, `where`, `class_names` and what there is to say are to be set. `DataError` if it is
/// empty, exceeds `data.memory_limit_gb`, or a label is negative, has no name where there are
/// names, or is above 999999.
std::unique_ptr<Dataset> keep_in_memory(DatasetInfo info, StoredImages images,
                                        const DataConfig& config);

}  // namespace ddpm
