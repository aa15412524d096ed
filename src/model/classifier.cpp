#include "ddpm/model/classifier.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/model/norm.h"

namespace ddpm {

AttentionPoolImpl::AttentionPoolImpl(int64_t channels, int64_t head_dim)
    : heads_(channels / head_dim),
      to_q_(register_layer("to_q", torch::nn::Linear(channels, heads_ * head_dim),
                           ParameterRole::kMatrix)),
      to_k_(register_layer("to_k", torch::nn::Linear(channels, heads_ * head_dim),
                           ParameterRole::kMatrix)),
      to_v_(register_layer("to_v", torch::nn::Linear(channels, heads_ * head_dim),
                           ParameterRole::kMatrix)),
      to_out_(register_layer("to_out", torch::nn::Linear(heads_ * head_dim, channels),
                             ParameterRole::kMatrix)) {}

torch::Tensor AttentionPoolImpl::forward(const torch::Tensor& hidden) {
  const int64_t images = hidden.size(0);
  const auto pixels = hidden.flatten(2).transpose(1, 2);  // [N, HW, C]
  const auto tokens = torch::cat({pixels.mean(1, /*keepdim=*/true), pixels}, 1);
  const auto split = [&](const torch::Tensor& x) {  // [N, heads, L, D]
    return x.view({images, x.size(1), heads_, -1}).transpose(1, 2);
  };
  const auto q = split(to_q_(tokens.narrow(1, 0, 1)));
  const auto k = split(to_k_(tokens));
  const auto v = split(to_v_(tokens));
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const auto weights = torch::softmax(torch::matmul(q, k.transpose(2, 3)) * scale, -1);
  return to_out_(torch::matmul(weights, v).transpose(1, 2).flatten(1));
}

ClassifierImpl::ClassifierImpl(const NetworkConfig& config)
    : UNetEncoderImpl(config, /*labels=*/0) {
  const auto& [model, options, signature] = config;
  const int64_t last = model.block_out_channels.back();
  TORCH_CHECK(signature.classes > 0, "a classifier needs classes");
  conv_norm_out_ =
      register_layer("conv_norm_out", make_group_norm(model.norm_num_groups, last, model.norm_eps),
                     ParameterRole::kNormScale);
  if (options.pooling == Pooling::kAttention) {
    pool_ = register_module("pool", AttentionPool(last, model.attention_head_dim.value_or(last)));
  }
  feature_proj_ = register_layer("feature_proj", torch::nn::Linear(last, options.feature_dim),
                                 ParameterRole::kMatrix);
  head_ = register_layer("head", torch::nn::Linear(options.feature_dim, signature.classes),
                         ParameterRole::kHead);
}

torch::Tensor ClassifierImpl::features(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                       const Conditioning& conditioning) {
  const auto encoded = encode(sample, timesteps, conditioning).hidden;
  const auto hidden = normalize(conv_norm_out_, encoded, Activation::kSilu);
  const auto pooled = pool_.is_empty() ? hidden.mean({2, 3}) : pool_(hidden);
  return torch::silu(feature_proj_(pooled));
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                      const Conditioning& conditioning) {
  return logits_of(features(sample, timesteps, conditioning));
}

torch::Tensor ClassifierImpl::logits_of(const torch::Tensor& features) {
  return head_(features);
}

Cost ClassifierImpl::cost(int64_t height, int64_t width) const {
  const int64_t last = config().model.block_out_channels.back();
  Cost cost = encoder_cost(height, width);
  cost.macs += (last + signature().classes) * config().classifier.feature_dim;
  const int64_t pixels = height * width;
  if (!pool_.is_empty()) cost.macs += 2 * last * last * (pixels + 2) + 2 * last * (pixels + 1);
  cost.activations += 2 * pixels * last;
  return cost;
}

}  // namespace ddpm
