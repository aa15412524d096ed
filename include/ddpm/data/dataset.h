#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// What a dataset holds, after resizing.
struct DatasetInfo {
  std::string name;   // as in the settings
  std::string where;  // the file or folder that was read
  int64_t images = 0;
  int64_t channels = 0;  // 1 or 3
  int64_t height = 0;
  int64_t width = 0;
  int64_t num_classes = 0;               // 0: no labels
  std::vector<std::string> class_names;  // empty: classes have numbers only
  int64_t skipped = 0;                   // broken files left out when it was opened
};

/// Labelled or unlabelled images of one size, addressed by number. Safe to read from several
/// threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  const DatasetInfo& info() const { return info_; }

  /// Broken files passed over so far (`data.skip_bad`). Grows while a folder is streamed, where a
  /// broken file is stood in for by the next good one of its class.
  virtual int64_t skipped() const { return info_.skipped; }

  /// Class of image `index`, or -1 where there are no labels.
  virtual int64_t label(int64_t index) const = 0;

  /// Writes image `index` to `chw`, `channels * height * width` bytes, channel by channel.
  /// `DataError` naming the file if it cannot be decoded.
  virtual void read(int64_t index, uint8_t* chw) const = 0;

 protected:
  explicit Dataset(DatasetInfo info) : info_(std::move(info)) {}

 private:
  DatasetInfo info_;
};

/// Opens the dataset that `config` names, resized and centre-cropped to `config.image_size`.
/// `DataError` that says where it looked if nothing is there, and names the file if one is broken.
std::unique_ptr<Dataset> open_dataset(const DataConfig& config);

}  // namespace ddpm
