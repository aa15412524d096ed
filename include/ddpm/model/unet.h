#pragma once

#include <vector>

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/model/blocks.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/embeddings.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// The denoising network: diffusers' `UNet2DModel`, with the same module tree and parameter names.
class UNetImpl : public NetworkImpl {
 public:
  explicit UNetImpl(const ModelConfig& config);

  /// Predicts from noisy images.
  ///
  /// `sample` is [N, in_channels, H, W], with sides that every level can halve; `timesteps` is [N].
  /// `class_labels` is [N] int64, undefined for an unconditional net. Gives
  /// [N, out_channels, H, W], in the type of the convolutions' weights.
  torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                        const torch::Tensor& class_labels = {}) override;

  const ModelConfig& config() const { return config_; }

  void enable_gradient_checkpointing(bool enabled) override;
  Cost cost(int64_t height, int64_t width) const override;

 private:
  torch::Tensor embed(const torch::Tensor& timesteps, const torch::Tensor& class_labels);

  ModelConfig config_;
  BlockRunner run_;
  torch::nn::Conv2d conv_in_{nullptr};
  TimestepEmbedding time_embedding_{nullptr};
  torch::nn::Embedding class_embedding_{nullptr};
  std::vector<DownBlock> down_blocks_;
  MidBlock mid_block_{nullptr};
  std::vector<UpBlock> up_blocks_;
  torch::nn::GroupNorm conv_norm_out_{nullptr};
  torch::nn::Conv2d conv_out_{nullptr};
};
TORCH_MODULE(UNet);

}  // namespace ddpm
