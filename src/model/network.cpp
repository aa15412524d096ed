#include "ddpm/model/network.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/util/random.h"

namespace ddpm {
namespace {

constexpr double kNearZeroScale = 1e-10;

/// Uniform with variance scale / mean(fan_in, fan_out), as TensorFlow's VarianceScaling.
float variance_scaling_limit(const torch::Tensor& weight, double scale) {
  const int64_t receptive = weight.dim() == 4 ? weight.size(2) * weight.size(3) : 1;
  const double fans = static_cast<double>((weight.size(0) + weight.size(1)) * receptive) / 2.0;
  return static_cast<float>(std::sqrt(3.0 * scale / fans));
}

/// Values for a parameter, as a contiguous CPU tensor of its shape.
torch::Tensor initial_values(const torch::Tensor& parameter, ParameterRole role,
                             const RandomKey& key) {
  auto values = torch::zeros(parameter.sizes());
  const std::span<float> span(values.data_ptr<float>(), static_cast<size_t>(values.numel()));
  const auto draw_uniform = [&](double scale) {
    const float limit = variance_scaling_limit(parameter, scale);
    fill_uniform(key, -limit, limit, span);
  };
  switch (role) {
    case ParameterRole::kFirst:
    case ParameterRole::kMatrix:
    case ParameterRole::kHead:
      draw_uniform(1.0);
      break;
    case ParameterRole::kResidualEnd:
    case ParameterRole::kLast:
      draw_uniform(kNearZeroScale);
      break;
    case ParameterRole::kEmbedding:
      fill_normal(key, span);
      break;
    case ParameterRole::kNormScale:
      values.fill_(1.0);
      break;
    case ParameterRole::kBias:
    case ParameterRole::kNormShift:
      break;
  }
  return values;
}

}  // namespace

void NetworkImpl::init_weights(uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const auto roles = parameter_roles(*this);
  auto all = parameters();
  for (size_t i = 0; i < all.size(); ++i) {
    const RandomKey key{seed, RandomPurpose::kInitialWeights, i};
    all[i].copy_(initial_values(all[i], roles[i], key));
  }
}

int64_t NetworkImpl::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters())
    count += parameter.numel();
  return count;
}

bool serves_training_alone(std::string_view parameter) {
  return parameter.substr(0, parameter.find('.')) == kAugmentLayer;
}

}  // namespace ddpm
