#include "ddpm/data/npz.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/data/array_images.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/npy.h"
#include "ddpm/data/npz_keys.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

NpzKeys keys_of_split(const std::vector<std::string>& keys, const std::string& split,
                      const std::string& file) {
  auto found = find_npz_keys(keys, split);
  if (!found.images.empty()) return found;
  const auto held = keys.empty() ? "nothing" : join(keys);
  if (has_image_keys(keys))
    throw NoSplitError(file, ": expected images of the split ", split, ", got ", held);
  throw DataError(file, ": expected images in ", expected_npz_keys(), "; got ", held);
}

// What was read of a file, and what there is to say of it.
struct ArraysRead {
  ArrayImages images;
  std::vector<int64_t> labels;
  std::string note;
};

ArraysRead read_npz_arrays(const DataConfig& config, const std::filesystem::path& path) {
  const NpzFile file(path, memory_limit(config));
  const auto keys = keys_of_split(file.keys(), config.split, path.string());
  const auto where = path.string() + ": ";
  ArraysRead read{{file.read(keys.images), where + keys.images}, {}, "images of " + keys.images};
  if (keys.labels.empty() || config.labels == DataLabels::kNone) return read;
  read.labels = array_labels(file.read(keys.labels), read.images.count(), where + keys.labels);
  read.note += ", labels of " + keys.labels;
  return read;
}

ArraysRead read_npy_array(const DataConfig& config, const std::filesystem::path& path) {
  if (config.split != "train")
    throw NoSplitError(path.string(), ": an .npy file has no split ", config.split);
  const auto bytes = read_file(path, memory_limit(config));
  return {{parse_npy(bytes, path.string()), path.string()}, {}, "images of one array"};
}

}  // namespace

std::unique_ptr<Dataset> open_npz(const DataConfig& config, const std::filesystem::path& file) {
  const bool one_array = lower_case(file.extension().string()) == ".npy";
  auto read = one_array ? read_npy_array(config, file) : read_npz_arrays(config, file);
  DatasetInfo info;
  info.name = config.name;
  info.where = file.string();
  info.notes = {std::move(read.note)};
  for (const auto& note : read.images.notes())
    info.notes.push_back(note);
  const auto image = [&](int64_t i) { return read.images.image(i); };
  StoredImages stored{read.images.count(), read.images.size(), image, std::move(read.labels)};
  return keep_in_memory(std::move(info), std::move(stored), config);
}

}  // namespace ddpm
