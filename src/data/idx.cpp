#include "ddpm/data/idx.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "ddpm/data/bytes.h"
#include "ddpm/data/gzip.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr uint32_t kBytesOfRank = 0x800;  // type 8, unsigned bytes; the rank is added

struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

std::filesystem::path find_file(const std::filesystem::path& root, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    auto path = root / (name + ending);
    if (std::filesystem::exists(path)) return path;
  }
  throw DataError(root.string(), ": expected ", name, " or ", name, ".gz in it, found neither");
}

IdxArray read_idx(const std::filesystem::path& path, size_t rank, uint64_t max_bytes) {
  GzipReader file(path);
  const auto header_bytes = file.read(4 * (rank + 1));
  const std::string_view header(reinterpret_cast<const char*>(header_bytes.data()),
                                header_bytes.size());
  if (read_be32(header, 0) != kBytesOfRank + rank) {
    throw DataError(path.string(), ": expected an IDX file of bytes with ", rank,
                    " dimensions, got magic number ", read_be32(header, 0));
  }
  IdxArray array;
  for (size_t axis = 1; axis <= rank; ++axis) {
    array.shape.push_back(read_be32(header, 4 * axis));
  }
  const auto count = checked_product(array.shape);
  if (!count) throw DataError(path.string(), ": broken IDX header, its sizes cannot be true");
  if (*count > max_bytes && *count <= file.left_at_most()) {
    throw DataError(path.string(), ": too large, expected at most ", max_bytes, " bytes, got ",
                    *count, "; raise data.memory_limit_gb");
  }
  array.values = file.read(*count);
  if (!file.at_end()) throw DataError(path.string(), ": has more bytes than its header tells");
  return array;
}

}  // namespace

std::unique_ptr<Dataset> open_idx(const DataConfig& config, const std::filesystem::path& root,
                                  const std::vector<std::string>& class_names) {
  const std::string prefix = config.split == "test" ? "t10k" : "train";
  const auto images_path = find_file(root, prefix + "-images-idx3-ubyte");
  const auto labels_path = find_file(root, prefix + "-labels-idx1-ubyte");
  const IdxArray images = read_idx(images_path, 3, memory_limit(config));
  const IdxArray labels = read_idx(labels_path, 1, memory_limit(config));
  const int64_t count = images.shape[0];
  if (labels.shape[0] != count) {
    throw DataError(labels_path.string(), ": expected ", count, " labels, got ", labels.shape[0]);
  }
  DatasetInfo info;
  info.name = config.name;
  info.where = root.string();
  info.class_names = class_names;
  const ImageSize size{images.shape[1], images.shape[2], 1};
  const auto image = [&](int64_t i) { return from_chw(&images.values[i * size.bytes()], size); };
  return keep_in_memory(std::move(info),
                        {count, size, image, {labels.values.begin(), labels.values.end()}}, config);
}

}  // namespace ddpm
