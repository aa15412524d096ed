#include "ddpm/eval/feature_network.h"

#include <string_view>

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace {

constexpr size_t kDigits = 16;

}  // namespace

std::string weights_hash(const NamedTensors& weights) {
  Sha256 hash;
  for (const auto& [name, tensor] : weights) {
    std::string label = name;
    for (const int64_t extent : tensor.sizes())
      label += " " + std::to_string(extent);
    hash.update(label + "\n");
    const auto values = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
    hash.update({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
  }
  return hash.finish().substr(0, kDigits);
}

torch::Tensor with_channels(const torch::Tensor& images, int64_t channels) {
  TORCH_CHECK(images.dim() == 4 && images.scalar_type() == torch::kUInt8, "expected 8-bit images");
  const int64_t given = images.size(1);
  if (given == channels) return images;
  if (given == 1 && channels == 3) return images.expand({-1, 3, -1, -1});
  if (given == 3 && channels == 1) {
    const auto weights = torch::tensor({77, 150, 29}, images.options().dtype(torch::kInt32));
    const auto luma = (images.to(torch::kInt32) * weights.view({1, 3, 1, 1})).sum(1, true);
    return luma.div(256, "floor").to(torch::kUInt8);
  }
  throw DataError("features: expected images of 1 or 3 channels for a network of ", channels,
                  ", got ", given);
}

}  // namespace ddpm
