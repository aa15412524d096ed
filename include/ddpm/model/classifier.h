#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/config/network_config.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/parameter_role.h"
#include "ddpm/model/unet_encoder.h"

namespace ddpm {

/// Pools a feature map [N, C, H, W] to [N, C]: one query, the mean over the pixels, attends to all
/// of them (the last layer of guided-diffusion's classifier, without its positions).
class AttentionPoolImpl : public RoledModule {
 public:
  AttentionPoolImpl(int64_t channels, int64_t head_dim);
  torch::Tensor forward(const torch::Tensor& hidden);

 private:
  int64_t heads_;
  torch::nn::Linear to_q_;
  torch::nn::Linear to_k_;
  torch::nn::Linear to_v_;
  torch::nn::Linear to_out_;
};
TORCH_MODULE(AttentionPool);

/// A noise-conditioned classifier p(class | x_t, t): the downward half and the middle of the U-Net
/// that `config` describes, pooling, and two linear layers (Dhariwal and Nichol, "Diffusion models
/// beat GANs on image synthesis", 2021, section 4). Group norm only, so that the answer for an
/// image does not depend on its neighbours in the batch.
class ClassifierImpl : public UNetEncoderImpl {
 public:
  /// The signature's classes are those to tell apart.
  explicit ClassifierImpl(const NetworkConfig& config);

  /// Logits [N, classes]. No labels may be given.
  torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                        const Conditioning& conditioning = {}) override;
  /// The vectors before the last layer, [N, feature_dim].
  torch::Tensor features(const torch::Tensor& sample, const torch::Tensor& timesteps,
                         const Conditioning& conditioning = {});
  /// Logits [N, classes] of such vectors.
  torch::Tensor logits_of(const torch::Tensor& features);

  Cost cost(int64_t height, int64_t width) const override;

 private:
  torch::nn::GroupNorm conv_norm_out_{nullptr};
  AttentionPool pool_{nullptr};
  torch::nn::Linear feature_proj_{nullptr};
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(Classifier);

}  // namespace ddpm
