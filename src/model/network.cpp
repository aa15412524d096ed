#include "ddpm/model/network.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/util/random.h"

namespace ddpm {
namespace {

constexpr double kNearZeroScale = 1e-10;

/// True for the layers that end a residual path or the net: they start near zero.
bool starts_near_zero(const std::string& name) {
  return name.ends_with("conv2.weight") || name.ends_with("to_out.0.weight") ||
         name == "conv_out.weight";
}

/// Uniform with variance scale / mean(fan_in, fan_out), as TensorFlow's VarianceScaling.
float variance_scaling_limit(const torch::Tensor& weight, double scale) {
  const int64_t receptive = weight.dim() == 4 ? weight.size(2) * weight.size(3) : 1;
  const double fans = static_cast<double>((weight.size(0) + weight.size(1)) * receptive) / 2.0;
  return static_cast<float>(std::sqrt(3.0 * scale / fans));
}

/// Values for a parameter, as a contiguous CPU tensor of its shape.
torch::Tensor initial_values(const std::string& name, const torch::Tensor& parameter,
                             const RandomKey& key) {
  auto values = torch::zeros(parameter.sizes());
  const std::span<float> span(values.data_ptr<float>(), static_cast<size_t>(values.numel()));
  if (parameter.dim() == 1) {
    const bool norm_weight = name.ends_with(".weight");
    if (norm_weight) values.fill_(1.0);
  } else if (name == "class_embedding.weight") {
    fill_normal(key, span);
  } else {
    const float limit =
        variance_scaling_limit(parameter, starts_near_zero(name) ? kNearZeroScale : 1.0);
    fill_uniform(key, -limit, limit, span);
  }
  return values;
}

}  // namespace

void NetworkImpl::init_weights(uint64_t seed) {
  const torch::NoGradGuard no_grad;
  uint64_t index = 0;
  for (auto& item : named_parameters()) {
    const RandomKey key{seed, RandomPurpose::kInitialWeights, index++};
    item.value().copy_(initial_values(item.key(), item.value(), key));
  }
}

int64_t NetworkImpl::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters())
    count += parameter.numel();
  return count;
}

}  // namespace ddpm
