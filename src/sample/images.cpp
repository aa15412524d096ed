#include "ddpm/sample/images.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/data/image_tensors.h"
#include "ddpm/util/error.h"

namespace ddpm {

void check_finite_images(const torch::Tensor& images) {
  if (images.isfinite().all().item<bool>()) return;
  throw DivergedError(
      "the images hold NaN or infinity: most likely the network's numbers outgrew its precision; "
      "draw with `precision` float32, else with another sampler, less guidance, or an earlier "
      "checkpoint");
}

std::vector<Image> unpack_images(const torch::Tensor& bytes) {
  const int64_t size = bytes.numel() / bytes.size(0);
  std::vector<Image> list;
  for (int64_t i = 0; i < bytes.size(0); ++i) {
    const auto* first = bytes.data_ptr<uint8_t>() + i * size;
    list.push_back({.height = bytes.size(1),
                    .width = bytes.size(2),
                    .channels = bytes.size(3),
                    .pixels = std::vector<uint8_t>(first, first + size)});
  }
  return list;
}

std::vector<Image> to_images(const torch::Tensor& images) {
  return unpack_images(to_uint8(images));
}

int64_t grid_columns(int64_t count, int64_t classes) {
  constexpr int64_t kMostClassColumns = 16;
  if (classes > 1 && classes <= kMostClassColumns && count >= classes) return classes;
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
}

}  // namespace ddpm
