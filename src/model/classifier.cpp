#include "ddpm/model/classifier.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/model/gradient_checkpoint.h"
#include "ddpm/model/norm.h"
#include "ddpm/model/precision.h"

namespace ddpm {

AttentionPoolImpl::AttentionPoolImpl(int64_t channels, int64_t head_dim)
    : heads_(channels / head_dim),
      to_q_(register_module("to_q", torch::nn::Linear(channels, heads_ * head_dim))),
      to_k_(register_module("to_k", torch::nn::Linear(channels, heads_ * head_dim))),
      to_v_(register_module("to_v", torch::nn::Linear(channels, heads_ * head_dim))),
      to_out_(register_module("to_out", torch::nn::Linear(heads_ * head_dim, channels))) {}

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

ClassifierImpl::ClassifierImpl(const ModelConfig& config, const ClassifierConfig& options)
    : config_(config),
      options_(options),
      run_(run_block) {
  const auto& channels = config.block_out_channels;
  const int64_t last = channels.back();
  TORCH_CHECK(config.num_class_embeds.has_value(), "a classifier needs classes");
  conv_in_ = register_module("conv_in", conv3x3(config.in_channels, channels.front()));
  time_embedding_ = register_module(
      "time_embedding", TimestepEmbedding(channels.front(), time_embedding_dim(config)));
  torch::nn::ModuleList down;
  for (size_t i = 0; i < channels.size(); ++i) {
    const int64_t in = channels[i == 0 ? 0 : i - 1];
    down_blocks_.emplace_back(config, config.down_block_types[i], in, channels[i],
                              i + 1 < channels.size());
    down->push_back(down_blocks_.back());
  }
  register_module("down_blocks", down);
  mid_block_ = register_module("mid_block", MidBlock(config));
  conv_norm_out_ = register_module("conv_norm_out",
                                   make_group_norm(config.norm_num_groups, last, config.norm_eps));
  if (options.pooling == Pooling::kAttention) {
    pool_ = register_module("pool", AttentionPool(last, config.attention_head_dim.value_or(last)));
  }
  feature_proj_ = register_module("feature_proj", torch::nn::Linear(last, options.feature_dim));
  head_ = register_module("head", torch::nn::Linear(options.feature_dim, *config.num_class_embeds));
}

torch::Tensor ClassifierImpl::features(const torch::Tensor& sample,
                                       const torch::Tensor& timesteps) {
  const auto type = conv_in_->weight.scalar_type();
  const auto sinusoids = timestep_embedding(timesteps, config_.block_out_channels.front(),
                                            config_.flip_sin_to_cos, config_.freq_shift);
  const auto temb = torch::silu(time_embedding_(sinusoids)).to(type);
  const auto centered = config_.center_input_sample ? 2 * sample - 1 : sample;
  auto hidden = conv_in_(to_memory_format(centered.to(type)));
  std::vector<torch::Tensor> skips;
  for (auto& block : down_blocks_)
    hidden = block->forward(hidden, temb, skips, run_);
  hidden = mid_block_->forward(hidden, temb, run_);
  hidden = normalize(conv_norm_out_, hidden, Activation::kSilu);
  const auto pooled = pool_.is_empty() ? hidden.mean({2, 3}) : pool_(hidden);
  return torch::silu(feature_proj_(pooled));
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                      const torch::Tensor& class_labels) {
  TORCH_CHECK(!class_labels.defined(), "a classifier is told no labels");
  return logits_of(features(sample, timesteps));
}

torch::Tensor ClassifierImpl::logits_of(const torch::Tensor& features) {
  return head_(features);
}

void ClassifierImpl::enable_gradient_checkpointing(bool enabled) {
  run_ = enabled ? run_block_checkpointed : run_block;
}

Cost ClassifierImpl::cost(int64_t height, int64_t width) const {
  const int64_t first = config_.block_out_channels.front();
  const int64_t last = config_.block_out_channels.back();
  const int64_t time_dim = time_embedding_dim(config_);
  Cost cost;
  cost.macs = 9 * height * width * first * config_.in_channels + first * time_dim +
              time_dim * time_dim + (last + *config_.num_class_embeds) * options_.feature_dim;
  cost.activations = height * width * first;
  for (const auto& block : down_blocks_)
    cost += block->cost(height, width);
  cost += mid_block_->cost(height, width);
  const int64_t pixels = height * width;
  if (!pool_.is_empty()) cost.macs += 2 * last * last * (pixels + 2) + 2 * last * (pixels + 1);
  cost.activations += 2 * pixels * last;
  return cost;
}

}  // namespace ddpm
