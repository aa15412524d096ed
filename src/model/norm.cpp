#include "ddpm/model/norm.h"

#include "ddpm/kernels/group_norm_convolution.h"

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

torch::Tensor normalize_and_convolve(const torch::nn::GroupNorm& norm, const torch::Tensor& x,
                                     const torch::nn::Conv2d& conv, const Modulation& modulation) {
  const auto& options = norm->options;
  const auto& stride = *conv->options.stride();
  const auto& padding = *std::get<torch::ExpandingArray<2>>(conv->options.padding());
  return group_norm_convolution(
      x, modulation, norm->weight, norm->bias,
      {options.num_groups(), options.eps(), Activation::kSilu},
      {conv->weight, conv->bias, {stride[0], stride[1]}, {padding[0], padding[1]}});
}

}  // namespace ddpm
