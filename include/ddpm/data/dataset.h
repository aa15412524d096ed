#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/util/error.h"

namespace ddpm {

/// What a dataset holds, after resizing.
struct DatasetInfo {
  std::string name;   // as in the settings
  std::string where;  // the file or folder that was read
  int64_t images = 0;
  int64_t channels = 0;  // 1 or 3
  int64_t height = 0;
  int64_t width = 0;
  int64_t num_classes = 0;                       // 0: no labels
  std::vector<std::string> class_names;          // empty: classes have numbers only
  int64_t skipped = 0;                           // broken files left out when it was opened
  std::map<std::string, int64_t> left_out = {};  // files of other kinds, by their ending
  std::vector<std::string> notes = {};           // what was taken and left out, for people
  std::vector<std::string> warnings = {};        // what may not be as its owner means it
  std::string fingerprint = {};  // of names and sizes, or contents; the same wherever it lies
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

  /// What is wrong with each of these, a line a file, in the order of the files.
  virtual std::vector<std::string> broken_files() const { return {}; }

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

/// The split that `data.split` names is not there.
class NoSplitError : public DataError {
 public:
  using DataError::DataError;
};

/// Opens the dataset that `config` names, resized and centre-cropped to `config.image_size`. Under
/// the name `folder` it is whatever lies at its root (`find_data_kind`).
/// `DataError` that says where it looked if nothing is there, and names the file if one is broken.
std::unique_ptr<Dataset> open_dataset(const DataConfig& config);

}  // namespace ddpm
