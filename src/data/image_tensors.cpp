#include "ddpm/data/image_tensors.h"

#include <iterator>

#include <torch/types.h>

namespace ddpm {

torch::Tensor to_uint8(const torch::Tensor& images) {
  return ((images + 1) / 2)
      .clamp(0, 1)
      .mul(255)
      .add(0.5)
      .to(torch::kUInt8)
      .permute({0, 2, 3, 1})
      .contiguous();
}

torch::Tensor from_uint8(const torch::Tensor& bytes) {
  return bytes.to(torch::kFloat32) * (2.0 / 255.0) - 1.0;
}

torch::Tensor read_images(const Dataset& dataset, std::span<const int64_t> numbers) {
  const auto& info = dataset.info();
  const int64_t size = info.channels * info.height * info.width;
  auto images =
      torch::empty({std::ssize(numbers), info.channels, info.height, info.width}, torch::kUInt8);
  auto* place = images.data_ptr<uint8_t>();
  for (const int64_t number : numbers) {
    dataset.read(number, place);
    place += size;
  }
  return images;
}

std::vector<int64_t> read_labels(const Dataset& dataset, std::span<const int64_t> numbers) {
  std::vector<int64_t> labels;
  labels.reserve(numbers.size());
  for (const int64_t number : numbers)
    labels.push_back(dataset.label(number));
  return labels;
}

}  // namespace ddpm
