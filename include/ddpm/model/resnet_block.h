#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/parameter_role.h"

namespace ddpm {

/// What a residual block does to the resolution.
enum class Resample { kNone, kDown, kUp };

struct ResnetBlockOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t time_embed_dim = 0;
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-6;
  double dropout = 0.0;
  TimeScaleShift time_scale_shift = TimeScaleShift::kDefault;
  double output_scale_factor = 1.0;
  Resample resample = Resample::kNone;
};

/// Norm, SiLU, (resample,) conv, time embedding, norm, SiLU, dropout, conv, plus the input:
/// diffusers' `ResnetBlock2D`. [N, in, H, W] and [N, time_embed_dim] to [N, out, H', W'].
class ResnetBlockImpl : public RoledModule {
 public:
  explicit ResnetBlockImpl(const ResnetBlockOptions& options);
  /// `temb` is the time embedding after SiLU, which all blocks share.
  torch::Tensor forward(const torch::Tensor& input, const torch::Tensor& temb);
  /// Cost at the input's size, which it changes to the output's.
  Cost cost(int64_t& height, int64_t& width) const;

 private:
  torch::Tensor first_convolution(const torch::Tensor& input);
  torch::Tensor resampled(const torch::Tensor& x) const;

  ResnetBlockOptions options_;
  torch::nn::GroupNorm norm1_;
  torch::nn::Conv2d conv1_;
  torch::nn::Linear time_emb_proj_;
  torch::nn::GroupNorm norm2_;
  torch::nn::Conv2d conv2_;
  torch::nn::Conv2d conv_shortcut_{nullptr};
};
TORCH_MODULE(ResnetBlock);

/// `conv`, of kernel 3 and padding 1, of `x` enlarged to twice its sides; see
/// `upsample_convolution`.
torch::Tensor upsample_and_convolve(const torch::Tensor& x, const torch::nn::Conv2d& conv);

/// `torch::nn::Conv2d` of kernel 3 with the given stride and padding.
torch::nn::Conv2d conv3x3(int64_t in_channels, int64_t out_channels, int64_t stride = 1,
                          int64_t padding = 1);

}  // namespace ddpm
