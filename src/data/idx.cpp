#include "ddpm/data/idx.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include "ddpm/data/bytes.h"
#include "ddpm/data/gzip.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/split_names.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kBytesOfRank = 0x800;  // type 8, unsigned bytes; the rank is added

struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

// "train-images.idx3-ubyte.gz" is "train-images-idx3-ubyte".
std::string plain_idx_name(std::string_view name) {
  std::string plain = lower_case(name);
  if (plain.ends_with(".gz")) plain.resize(plain.size() - 3);
  std::ranges::replace(plain, '.', '-');
  std::ranges::replace(plain, '_', '-');
  return plain;
}

// The split that a name of a file tells by one of its words; empty if it tells none.
std::string split_of_file(std::string_view name) {
  for (const auto& word : split(plain_idx_name(name), '-')) {
    if (word == "t10k") return "test";
    if (const auto part = split_of_name(word); !part.empty()) return std::string(part);
  }
  return "";
}

std::string usual_name(const std::string& split) {
  return (split == "test" ? "t10k" : split) + "-images-idx3-ubyte";
}

// The files of a split's images, each once: plain before packed.
std::map<std::string, fs::path> image_files(const fs::path& folder, const std::string& split) {
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const auto told = split_of_file(name);
    if (!is_idx_name(name) || (told.empty() ? "train" : told) != split) continue;
    auto& file = files[plain_idx_name(name)];
    if (file.empty() || file.extension() == ".gz") file = entry.path();
  }
  return files;
}

fs::path find_images(const fs::path& folder, const std::string& split) {
  const auto files = image_files(folder, split);
  if (files.empty())
    throw NoSplitError(folder.string(), ": expected ", usual_name(split), " or ", usual_name(split),
                       ".gz in it, found neither");
  if (const auto usual = files.find(usual_name(split)); usual != files.end()) return usual->second;
  if (files.size() == 1) return files.begin()->second;
  throw DataError(folder.string(), ": expected images of one dataset, found ", files.begin()->first,
                  " and ", std::next(files.begin())->first, "; keep each in a folder of its own");
}

// Empty if there are none.
fs::path find_labels(const fs::path& images) {
  auto wanted = plain_idx_name(images.filename().string());
  for (const auto& [from, to] : {std::pair("images", "labels"), std::pair("idx3", "idx1")}) {
    const size_t at = wanted.find(from);
    if (at != std::string::npos) wanted.replace(at, std::string_view(from).size(), to);
  }
  fs::path found;
  for (const auto& entry : fs::directory_iterator(images.parent_path())) {
    const auto name = entry.path().filename().string();
    const bool packed = entry.path().extension() == ".gz";
    if (plain_idx_name(name) == wanted && (found.empty() || !packed)) found = entry.path();
  }
  return found;
}

IdxArray read_idx(const fs::path& path, size_t rank, uint64_t max_bytes) {
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

std::vector<int64_t> read_labels(const fs::path& path, int64_t count, uint64_t max_bytes) {
  const IdxArray labels = read_idx(path, 1, max_bytes);
  if (labels.shape[0] != count) {
    throw DataError(path.string(), ": expected ", count, " labels, got ", labels.shape[0]);
  }
  return {labels.values.begin(), labels.values.end()};
}

Image transposed(const Image& image) {
  Image turned{image.width, image.height, image.channels, image.pixels};
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      turned.pixels[static_cast<size_t>(x * image.height + y)] =
          image.pixels[static_cast<size_t>(y * image.width + x)];
    }
  }
  return turned;
}

}  // namespace

bool is_idx_name(std::string_view name) {
  const auto plain = plain_idx_name(name);
  return plain.find("idx3") != std::string::npos && plain.find("labels") == std::string::npos;
}

std::unique_ptr<Dataset> open_idx(const DataConfig& config, const fs::path& root,
                                  const std::vector<std::string>& class_names) {
  const fs::path folder = fs::is_directory(root) ? root : fs::absolute(root).parent_path();
  const auto images_path = find_images(folder, config.split);
  const auto labels_path = find_labels(images_path);
  const IdxArray images = read_idx(images_path, 3, memory_limit(config));
  const int64_t count = images.shape[0];
  DatasetInfo info;
  info.name = config.name;
  info.where = root.string();
  info.class_names = class_names;
  info.notes = {"images of " + images_path.filename().string()};
  std::vector<int64_t> labels;
  if (!labels_path.empty()) {
    labels = read_labels(labels_path, count, memory_limit(config));
  } else if (config.labels != DataLabels::kNone) {
    info.warnings = {"there are no labels beside " + images_path.string() +
                     ", so its images have no classes"};
  }
  const bool turn = plain_idx_name(images_path.filename().string()).starts_with("emnist-");
  if (turn) info.notes.emplace_back("EMNIST's images are turned upright");
  const ImageSize stored{images.shape[1], images.shape[2], 1};
  const ImageSize size = turn ? ImageSize{stored.width, stored.height, 1} : stored;
  const auto image = [&](int64_t i) {
    auto upright = from_chw(&images.values[static_cast<size_t>(i * stored.bytes())], stored);
    return turn ? transposed(upright) : upright;
  };
  return keep_in_memory(std::move(info), {count, size, image, std::move(labels)}, config);
}

}  // namespace ddpm
