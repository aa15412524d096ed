#include "ddpm/data/npz.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Arrays = std::map<std::string, NpyArray>;

const NpyArray& find_images(const Arrays& arrays, const std::string& file) {
  const auto found = arrays.find("arr_0");
  if (found != arrays.end()) return found->second;
  std::vector<std::string> keys;
  for (const auto& [key, array] : arrays) {
    keys.push_back(key);
  }
  throw DataError(file, ": expected images in arr_0, got ", keys.empty() ? "nothing" : join(keys));
}

ImageSize image_size(const NpyArray& images, const std::string& file) {
  const auto& shape = images.shape;
  const int64_t channels = shape.size() == 4 ? shape[3] : 1;
  if (images.dtype != "u1" || shape.size() < 3 || shape.size() > 4 ||
      (channels != 1 && channels != 3)) {
    throw DataError(file, ": arr_0: expected uint8 [N, H, W, 1 or 3] or [N, H, W], got ",
                    images.dtype, " with ", shape.size(), " dimensions and ", channels,
                    " channels");
  }
  return {shape[1], shape[2], channels};
}

// Values above int64's range become negative and are refused as labels.
int64_t integer_at(const NpyArray& array, size_t index) {
  const auto size = static_cast<size_t>(array.dtype[1] - '0');
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<uint8_t>(array.bytes[index * size + i])} << (8 * i);
  }
  if (array.dtype[0] == 'u') return static_cast<int64_t>(value);
  const auto unused = static_cast<int>(64 - 8 * size);
  return static_cast<int64_t>(value << unused) >> unused;
}

std::vector<int64_t> read_labels(const Arrays& arrays, int64_t count, const std::string& file) {
  const auto found = arrays.find("arr_1");
  if (found == arrays.end()) return {};
  const NpyArray& array = found->second;
  const bool is_integer = array.dtype[0] == 'i' || array.dtype[0] == 'u';
  if (!is_integer || array.shape != std::vector<int64_t>{count}) {
    throw DataError(file, ": arr_1: expected ", count, " integer labels, got ", array.dtype,
                    " with ", array.shape.size(), " dimensions");
  }
  std::vector<int64_t> labels(static_cast<size_t>(count));
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = integer_at(array, i);
  }
  return labels;
}

}  // namespace

std::unique_ptr<Dataset> open_npz(const DataConfig& config, const std::filesystem::path& file) {
  const Arrays arrays = load_npz(file, memory_limit(config));
  const NpyArray& images = find_images(arrays, file.string());
  const ImageSize size = image_size(images, file.string());
  const int64_t count = images.shape[0];
  DatasetInfo info;
  info.name = config.name;
  info.where = file.string();
  const auto image = [&](int64_t i) {
    const auto* start = reinterpret_cast<const uint8_t*>(images.bytes.data()) + i * size.bytes();
    return Image{size.height, size.width, size.channels, {start, start + size.bytes()}};
  };
  std::vector<int64_t> labels = read_labels(arrays, count, file.string());
  return keep_in_memory(std::move(info), {count, size, image, std::move(labels)}, config);
}

}  // namespace ddpm
