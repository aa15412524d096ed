#include "ddpm/samplers/guidance.h"

#include <torch/types.h>

namespace ddpm {

Denoiser with_labels(ConditionalDenoiser network, torch::Tensor labels) {
  return [network = std::move(network), labels = std::move(labels)](
             const torch::Tensor& x, int64_t t) { return network(x, t, labels); };
}

Denoiser with_guidance(ConditionalDenoiser network, torch::Tensor labels, int64_t null_label,
                       double scale) {
  if (scale == 1.0) return with_labels(std::move(network), std::move(labels));
  const auto doubled = torch::cat({torch::full_like(labels, null_label), labels});
  return [network = std::move(network), doubled, scale](const torch::Tensor& x, int64_t t) {
    const auto halves = network(torch::cat({x, x}), t, doubled).chunk(2);
    return torch::lerp(halves[0], halves[1], scale);
  };
}

}  // namespace ddpm
