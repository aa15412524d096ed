#include "ddpm/model/unet.h"

#include <torch/types.h>

#include "ddpm/model/gradient_checkpoint.h"
#include "ddpm/model/norm.h"
#include "ddpm/model/precision.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

constexpr double kNearZeroScale = 1e-10;

/// True for the layers that end a residual path or the net: they start near zero.
bool starts_near_zero(const std::string& name) {
  return name.ends_with("conv2.weight") || name.ends_with("to_out.0.weight") ||
         name == "conv_out.weight";
}

/// Uniform with variance scale / mean(fan_in, fan_out), as TensorFlow's VarianceScaling.
float variance_scaling_limit(const torch::Tensor& weight, double scale) {
  const int64_t receptive = weight.dim() == 4 ? weight.size(2) * weight.size(3) : 1;
  const double fans = static_cast<double>((weight.size(0) + weight.size(1)) * receptive) / 2.0;
  return static_cast<float>(std::sqrt(3.0 * scale / fans));
}

/// Values for a parameter, as a contiguous CPU tensor of its shape.
torch::Tensor initial_values(const std::string& name, const torch::Tensor& parameter,
                             const RandomKey& key) {
  auto values = torch::zeros(parameter.sizes());
  const std::span<float> span(values.data_ptr<float>(), static_cast<size_t>(values.numel()));
  if (parameter.dim() == 1) {
    const bool norm_weight = name.ends_with(".weight");
    if (norm_weight) values.fill_(1.0);
  } else if (name == "class_embedding.weight") {
    fill_normal(key, span);
  } else {
    const float limit =
        variance_scaling_limit(parameter, starts_near_zero(name) ? kNearZeroScale : 1.0);
    fill_uniform(key, -limit, limit, span);
  }
  return values;
}

}  // namespace

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

void UNetImpl::init_weights(uint64_t seed) {
  const torch::NoGradGuard no_grad;
  uint64_t index = 0;
  for (auto& item : named_parameters()) {
    const RandomKey key{seed, RandomPurpose::kInitialWeights, index++};
    item.value().copy_(initial_values(item.key(), item.value(), key));
  }
}

int64_t UNetImpl::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters())
    count += parameter.numel();
  return count;
}

Cost UNetImpl::cost(int64_t height, int64_t width) const {
  const int64_t first = config_.block_out_channels.front();
  const int64_t time_dim = time_embedding_dim(config_);
  Cost cost;
  cost.macs = 9 * height * width * first * (config_.in_channels + config_.out_channels) +
              first * time_dim + time_dim * time_dim;
  cost.activations = height * width * (3 * first + config_.out_channels);
  for (const auto& block : down_blocks_)
    cost += block->cost(height, width);
  cost += mid_block_->cost(height, width);
  for (const auto& block : up_blocks_)
    cost += block->cost(height, width);
  return cost;
}

}  // namespace ddpm
