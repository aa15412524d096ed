#pragma once

#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/model/attention.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/parameter_role.h"
#include "ddpm/model/resnet_block.h"

namespace ddpm {

/// Width of the time embedding.
int64_t time_embedding_dim(const ModelConfig& config);

/// Runs `block` on the inputs; in training with `train.gradient_checkpointing` the trainer gives a
/// function that recomputes it in the backward pass instead of keeping its activations.
using BlockRunner = torch::Tensor (*)(ResnetBlockImpl& block, const torch::Tensor& input,
                                      const torch::Tensor& temb);

/// A level of the U-Net's downward path: diffusers' DownBlock2D, AttnDownBlock2D and
/// ResnetDownsampleBlock2D, told apart by `type`.
class DownBlockImpl : public RoledModule {
 public:
  DownBlockImpl(const ModelConfig& config, const std::string& type, int64_t in_channels,
                int64_t out_channels, bool add_downsample);
  /// Appends each layer's output to `skips` and gives the last.
  torch::Tensor forward(torch::Tensor hidden, const torch::Tensor& temb,
                        std::vector<torch::Tensor>& skips, BlockRunner run);
  Cost cost(int64_t& height, int64_t& width) const;

 private:
  torch::Tensor downsample(const torch::Tensor& hidden, const torch::Tensor& temb, BlockRunner run);

  int64_t downsample_padding_;
  std::vector<ResnetBlock> resnets_;
  std::vector<Attention> attentions_;  // empty, or one behind each residual block
  torch::nn::Conv2d conv_downsampler_{nullptr};
  ResnetBlock resnet_downsampler_{nullptr};
};
TORCH_MODULE(DownBlock);

/// Residual block, attention, residual block at the lowest resolution: diffusers' UNetMidBlock2D.
class MidBlockImpl : public torch::nn::Module {
 public:
  explicit MidBlockImpl(const ModelConfig& config);
  torch::Tensor forward(const torch::Tensor& hidden, const torch::Tensor& temb, BlockRunner run);
  Cost cost(int64_t& height, int64_t& width) const;

 private:
  ResnetBlock first_{nullptr};
  Attention attention_{nullptr};
  ResnetBlock second_{nullptr};
};
TORCH_MODULE(MidBlock);

/// Channels of an upward level: from the level below, of the level itself, and of the skip that its
/// last layer gets from the level above.
struct UpBlockChannels {
  int64_t previous = 0;
  int64_t out = 0;
  int64_t last_skip = 0;
};

/// A level of the U-Net's upward path: diffusers' UpBlock2D, AttnUpBlock2D and
/// ResnetUpsampleBlock2D, told apart by `type`.
class UpBlockImpl : public RoledModule {
 public:
  UpBlockImpl(const ModelConfig& config, const std::string& type, const UpBlockChannels& channels,
              bool add_upsample);
  /// Takes one skip from the end of `skips` for each layer.
  torch::Tensor forward(torch::Tensor hidden, const torch::Tensor& temb,
                        std::vector<torch::Tensor>& skips, BlockRunner run);
  Cost cost(int64_t& height, int64_t& width) const;

 private:
  std::vector<ResnetBlock> resnets_;
  std::vector<Attention> attentions_;
  torch::nn::Conv2d conv_upsampler_{nullptr};
  ResnetBlock resnet_upsampler_{nullptr};
};
TORCH_MODULE(UpBlock);

}  // namespace ddpm
