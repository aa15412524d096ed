#include "ddpm/model/norm.h"

namespace ddpm {

torch::nn::GroupNorm make_group_norm(int64_t groups, int64_t channels, double eps) {
  return torch::nn::GroupNorm(torch::nn::GroupNormOptions(groups, channels).eps(eps));
}

torch::Tensor normalize(const torch::nn::GroupNorm& norm, const torch::Tensor& x,
                        Activation activation, const Modulation& modulation) {
  const auto& options = norm->options;
  return group_norm(x, modulation, norm->weight, norm->bias,
                    {options.num_groups(), options.eps(), activation});
}

}  // namespace ddpm
