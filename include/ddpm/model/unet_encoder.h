#pragma once

#include <vector>

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "ddpm/config/network_config.h"
#include "ddpm/model/blocks.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/embeddings.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// The downward half and the middle of the U-Net that a config describes, with which U-Net and
/// classifier begin. Its parameters have diffusers' names and come before those of the rest.
class UNetEncoderImpl : public NetworkImpl {
 public:
  const NetworkConfig& config() const { return config_; }
  const Signature& signature() const override { return config_.signature; }

  void enable_gradient_checkpointing(bool enabled) override;

 protected:
  /// What the images have become.
  struct Encoding {
    torch::Tensor hidden;              // [N, C, H', W'] at the lowest resolution
    torch::Tensor temb;                // [N, time_embed_dim], for all blocks behind
    std::vector<torch::Tensor> skips;  // of every layer on the way
  };

  /// With `labels` above 0 the network is told one of so many labels.
  UNetEncoderImpl(const NetworkConfig& config, int64_t labels);

  /// Registers the layer for augmentation if the signature has labels of it. Called behind all
  /// other layers, which begin with the weights that they have without it.
  void register_augment_layer();

  Encoding encode(const torch::Tensor& sample, const torch::Tensor& timesteps,
                  const Conditioning& conditioning);
  /// Cost at the images' size, which it changes to the lowest resolution.
  Cost encoder_cost(int64_t& height, int64_t& width) const;
  BlockRunner runner() const { return run_; }

 private:
  torch::Tensor embed(const torch::Tensor& timesteps, const Conditioning& conditioning);
  torch::Tensor input_of(const torch::Tensor& sample, const Conditioning& conditioning) const;

  NetworkConfig config_;
  BlockRunner run_;
  torch::nn::Conv2d conv_in_{nullptr};
  TimestepEmbedding time_embedding_{nullptr};
  torch::nn::Embedding class_embedding_{nullptr};
  torch::nn::Linear augment_embedding_{nullptr};
  std::vector<DownBlock> down_blocks_;
  MidBlock mid_block_{nullptr};
};

}  // namespace ddpm
