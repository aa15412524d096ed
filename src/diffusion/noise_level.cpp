#include "ddpm/diffusion/noise_level.h"

#include <cmath>

#include <torch/types.h>

namespace ddpm {

double NoiseLevel::lambda() const {
  return std::log(alpha / sigma);
}

torch::Tensor add_noise(const NoiseLevels& levels, const torch::Tensor& x0,
                        const torch::Tensor& eps) {
  return levels.alpha * x0 + levels.sigma * eps;
}

torch::Tensor noise_between(const NoiseLevel& level, const torch::Tensor& x0,
                            const torch::Tensor& x_t) {
  return (x_t - level.alpha * x0) / level.sigma;
}

}  // namespace ddpm
