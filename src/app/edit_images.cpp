#include "ddpm/app/edit_images.h"

#include <cstring>
#include <filesystem>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/folder_scan.h"
#include "ddpm/data/image_io.h"
#include "ddpm/data/npy.h"
#include "ddpm/data/npz.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

std::string text_of(const ImageSize& size) {
  const std::string sides = std::to_string(size.height) + "x" + std::to_string(size.width);
  return sides + (size.channels == 1 ? " grey" : " RGB");
}

bool has_sides(const ImageSize& size) {
  return size.height > 0;
}

/// The image as it is wanted. `wanted.size` must have sides.
Image fitted(Image image, const std::string& name, const WantedImages& wanted) {
  if (wanted.fit) return fit_image(std::move(image), wanted.size);
  if (wanted.any_colour) image = convert_channels(std::move(image), wanted.size.channels);
  const ImageSize size{image.height, image.width, image.channels};
  if (size == wanted.size) return image;
  throw UserError(wanted.field, " ", name, ": the image is ", text_of(size), ", expected ",
                  text_of(wanted.size), "; `fit` brings images to that");
}

/// Images of the same size, [N, C, H, W] in [-1, 1].
class Stack {
 public:
  explicit Stack(WantedImages wanted) : wanted_(std::move(wanted)) {}

  bool full() const { return wanted_.most && count() >= *wanted_.most; }
  int64_t count() const { return static_cast<int64_t>(images_.size()); }

  void add(Image image, const std::string& name) {
    if (!has_sides(wanted_.size)) wanted_.size = {image.height, image.width, wanted_.size.channels};
    image = fitted(std::move(image), name, wanted_);
    auto pixels = torch::empty({image.channels, image.height, image.width}, torch::kUInt8);
    to_chw(image, pixels.data_ptr<uint8_t>());
    images_.push_back(pixels.to(torch::kFloat32) / 127.5 - 1.0);
  }

  torch::Tensor tensor() const { return torch::stack(images_); }

 private:
  WantedImages wanted_;
  std::vector<torch::Tensor> images_;
};

torch::Tensor read_npz(const fs::path& path, const WantedImages& wanted) {
  DataConfig config;
  config.name = "npz";
  const auto dataset = open_npz(config, path);
  const auto& info = dataset->info();
  const ImageSize size{info.height, info.width, info.channels};
  std::vector<uint8_t> chw(static_cast<size_t>(size.bytes()));
  Stack stack(wanted);
  for (int64_t i = 0; i < info.images && !stack.full(); ++i) {
    dataset->read(i, chw.data());
    stack.add(from_chw(chw.data(), size), path.string());
  }
  if (stack.count() == 0) throw DataError(path.string(), ": holds no images");
  return stack.tensor();
}

torch::Tensor read_npy(const fs::path& path, const WantedImages& wanted) {
  const auto array = parse_npy(read_file(path), path.string());
  const auto& shape = array.shape;
  const auto& size = wanted.size;
  const bool sides_fit =
      !has_sides(size) || (shape.size() == 4 && shape[2] == size.height && shape[3] == size.width);
  if (array.dtype != "f4" || shape.size() != 4 || shape[0] < 1 || shape[1] != size.channels ||
      !sides_fit) {
    const std::string sides = has_sides(size)
                                  ? std::to_string(size.height) + ", " + std::to_string(size.width)
                                  : "height, width";
    throw UserError(wanted.field, " ", path.string(), ": expected float32 images of shape [N, ",
                    size.channels, ", ", sides, "]");
  }
  auto images = torch::empty(shape);
  std::memcpy(images.data_ptr(), array.bytes.data(), array.bytes.size());
  if (!images.isfinite().all().item<bool>())
    throw DataError(path.string(), ": holds NaN or infinity, expected finite images");
  return wanted.most ? images.narrow(0, 0, std::min(*wanted.most, shape[0])) : images;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  const auto found = open_image_files(folder, /*max_bytes=*/0);
  for (const auto& name : scan_files(*found, DataConfig()).files)
    files.push_back(folder / name);
  return files;
}

}  // namespace

torch::Tensor read_images(const std::string& given, const WantedImages& wanted) {
  const fs::path path(given);
  if (!fs::is_directory(path)) {
    if (path.extension() == ".npy") return read_npy(path, wanted);
    if (path.extension() == ".npz") return read_npz(path, wanted);
  }
  if (const int64_t channels = wanted.size.channels; channels != 1 && channels != 3)
    throw UserError(wanted.field, " ", given, ": the model has ", channels,
                    " channels, which no image has; expected a .npy file of them");
  const auto files = fs::is_directory(path) ? files_in(path) : std::vector<fs::path>{path};
  Stack stack(wanted);
  for (const auto& file : files) {
    if (stack.full()) break;
    stack.add(load_image(file, 0, {kMostImagePixels}), file.string());
  }
  return stack.tensor();
}

}  // namespace ddpm
