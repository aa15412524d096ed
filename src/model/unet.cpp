#include "ddpm/model/unet.h"

#include <torch/types.h>

#include "ddpm/model/gradient_checkpoint.h"
#include "ddpm/model/norm.h"
#include "ddpm/model/precision.h"

namespace ddpm {
UNetImpl::UNetImpl(const ModelConfig& config) : config_(config), run_(run_block) {
  const auto& channels = config.block_out_channels;
  const size_t levels = channels.size();
  const int64_t time_dim = time_embedding_dim(config);
  conv_in_ = register_module("conv_in", conv3x3(config.in_channels, channels.front()));
  time_embedding_ =
      register_module("time_embedding", TimestepEmbedding(channels.front(), time_dim));
  if (config.num_class_embeds) {
    class_embedding_ = register_module("class_embedding",
                                       torch::nn::Embedding(*config.num_class_embeds, time_dim));
  }
  torch::nn::ModuleList down;
  for (size_t i = 0; i < levels; ++i) {
    const int64_t in = i == 0 ? channels.front() : channels[i - 1];
    down_blocks_.emplace_back(config, config.down_block_types[i], in, channels[i], i + 1 < levels);
    down->push_back(down_blocks_.back());
  }
  register_module("down_blocks", down);
  mid_block_ = register_module("mid_block", MidBlock(config));
  torch::nn::ModuleList up;
  for (size_t i = 0; i < levels; ++i) {
    const size_t level = levels - 1 - i;
    const UpBlockChannels widths{.previous = channels[std::min(level + 1, levels - 1)],
                                 .out = channels[level],
                                 .last_skip = channels[level == 0 ? 0 : level - 1]};
    up_blocks_.emplace_back(config, config.up_block_types[i], widths, i + 1 < levels);
    up->push_back(up_blocks_.back());
  }
  register_module("up_blocks", up);
  conv_norm_out_ = register_module(
      "conv_norm_out", make_group_norm(config.norm_num_groups, channels.front(), config.norm_eps));
  conv_out_ = register_module("conv_out", conv3x3(channels.front(), config.out_channels));
}

torch::Tensor UNetImpl::embed(const torch::Tensor& timesteps, const torch::Tensor& class_labels) {
  const auto sinusoids = timestep_embedding(timesteps, config_.block_out_channels.front(),
                                            config_.flip_sin_to_cos, config_.freq_shift);
  auto embedding = time_embedding_(sinusoids);
  TORCH_CHECK(class_embedding_.is_empty() != class_labels.defined(),
              "class labels must be given for a class-conditional net, and for no other");
  if (class_labels.defined()) embedding = embedding + class_embedding_(class_labels);
  return torch::silu(embedding).to(conv_in_->weight.scalar_type());
}

torch::Tensor UNetImpl::forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                const torch::Tensor& class_labels) {
  const auto temb = embed(timesteps, class_labels);
  const auto centered = config_.center_input_sample ? 2 * sample - 1 : sample;
  auto hidden = conv_in_(to_memory_format(centered.to(conv_in_->weight.scalar_type())));
  std::vector<torch::Tensor> skips{hidden};
  for (auto& block : down_blocks_)
    hidden = block->forward(hidden, temb, skips, run_);
  hidden = mid_block_->forward(hidden, temb, run_);
  for (auto& block : up_blocks_)
    hidden = block->forward(hidden, temb, skips, run_);
  return normalize_and_convolve(conv_norm_out_, hidden, conv_out_);
}

void UNetImpl::enable_gradient_checkpointing(bool enabled) {
  run_ = enabled ? run_block_checkpointed : run_block;
}

Cost UNetImpl::cost(int64_t height, int64_t width) const {
  const int64_t first = config_.block_out_channels.front();
  const int64_t time_dim = time_embedding_dim(config_);
  Cost cost;
  cost.macs = 9 * height * width * first * (config_.in_channels + config_.out_channels) +
              first * time_dim + time_dim * time_dim;
  cost.activations = height * width * (2 * first + config_.out_channels);
  for (const auto& block : down_blocks_)
    cost += block->cost(height, width);
  cost += mid_block_->cost(height, width);
  for (const auto& block : up_blocks_)
    cost += block->cost(height, width);
  return cost;
}

}  // namespace ddpm
