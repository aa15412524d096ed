#pragma once

#include <vector>

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/config/network_config.h"
#include "ddpm/model/blocks.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/unet_encoder.h"

namespace ddpm {

/// The denoising network: diffusers' `UNet2DModel`, with the same module tree and parameter names.
class UNetImpl : public UNetEncoderImpl {
 public:
  explicit UNetImpl(const NetworkConfig& config);

  /// Predicts from noisy images.
  ///
  /// `sample` is [N, data_channels, H, W], with sides that every level can halve; `timesteps` is
  /// [N]. There must be labels if the signature has classes, and a condition image if it has more
  /// `in_channels` than `data_channels`; augment labels need not be there. Gives [N, out_channels,
  /// H, W], in the type of the convolutions' weights.
  torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                        const Conditioning& conditioning = {}) override;

  Cost cost(int64_t height, int64_t width) const override;

 private:
  std::vector<UpBlock> up_blocks_;
  torch::nn::GroupNorm conv_norm_out_{nullptr};
  torch::nn::Conv2d conv_out_{nullptr};
};
TORCH_MODULE(UNet);

}  // namespace ddpm
