#include "ddpm/model/unet_encoder.h"

#include <torch/types.h>

#include "ddpm/model/gradient_checkpoint.h"
#include "ddpm/model/precision.h"

namespace ddpm {

UNetEncoderImpl::UNetEncoderImpl(const NetworkConfig& config, int64_t labels)
    : config_(config),
      run_(run_block) {
  const auto& model = config_.model;
  const auto& channels = model.block_out_channels;
  const int64_t time_dim = time_embedding_dim(model);
  conv_in_ = register_layer("conv_in", conv3x3(config_.signature.in_channels, channels.front()),
                            ParameterRole::kFirst);
  time_embedding_ =
      register_module("time_embedding", TimestepEmbedding(channels.front(), time_dim));
  if (labels > 0) {
    class_embedding_ = register_layer("class_embedding", torch::nn::Embedding(labels, time_dim),
                                      ParameterRole::kEmbedding);
  }
  torch::nn::ModuleList down;
  for (size_t i = 0; i < channels.size(); ++i) {
    const int64_t in = channels[i == 0 ? 0 : i - 1];
    down_blocks_.emplace_back(model, model.down_block_types[i], in, channels[i],
                              i + 1 < channels.size());
    down->push_back(down_blocks_.back());
  }
  register_module("down_blocks", down);
  mid_block_ = register_module("mid_block", MidBlock(model));
}

void UNetEncoderImpl::enable_gradient_checkpointing(bool enabled) {
  run_ = enabled ? run_block_checkpointed : run_block;
}

void UNetEncoderImpl::register_augment_layer() {
  const int64_t labels = config_.signature.augment_labels;
  if (labels == 0) return;
  const auto options =
      torch::nn::LinearOptions(labels, time_embedding_dim(config_.model)).bias(false);
  augment_embedding_ =
      register_layer(std::string(kAugmentLayer), torch::nn::Linear(options), ParameterRole::kFirst);
}

torch::Tensor UNetEncoderImpl::embed(const torch::Tensor& timesteps,
                                     const Conditioning& conditioning) {
  const auto& model = config_.model;
  const auto& labels = conditioning.labels;
  const auto& augment = conditioning.augment;
  const auto sinusoids = timestep_embedding(timesteps, model.block_out_channels.front(),
                                            model.flip_sin_to_cos, model.freq_shift);
  auto embedding = time_embedding_(sinusoids);
  TORCH_CHECK(class_embedding_.is_empty() != labels.defined(),
              "labels must be given to a network that is told classes, and to no other");
  TORCH_CHECK(!augment.defined() || !augment_embedding_.is_empty(),
              "the network is told nothing of augmentation");
  if (labels.defined()) embedding = embedding + class_embedding_(labels);
  if (augment.defined())
    embedding =
        embedding + augment_embedding_(augment.to(augment_embedding_->weight.scalar_type()));
  return torch::silu(embedding).to(conv_in_->weight.scalar_type());
}

torch::Tensor UNetEncoderImpl::input_of(const torch::Tensor& sample,
                                        const Conditioning& conditioning) const {
  const auto& image = conditioning.image;
  const auto whole = image.defined() ? torch::cat({sample, image}, 1) : sample;
  const auto centered = config_.model.center_input_sample ? 2 * whole - 1 : whole;
  return to_memory_format(centered.to(conv_in_->weight.scalar_type()));
}

UNetEncoderImpl::Encoding UNetEncoderImpl::encode(const torch::Tensor& sample,
                                                  const torch::Tensor& timesteps,
                                                  const Conditioning& conditioning) {
  TORCH_CHECK(!conditioning.level.defined(), "the network is told no level of a condition image");
  Encoding encoding;
  encoding.temb = embed(timesteps, conditioning);
  encoding.hidden = conv_in_(input_of(sample, conditioning));
  encoding.skips.push_back(encoding.hidden);
  for (auto& block : down_blocks_)
    encoding.hidden = block->forward(encoding.hidden, encoding.temb, encoding.skips, run_);
  encoding.hidden = mid_block_->forward(encoding.hidden, encoding.temb, run_);
  return encoding;
}

Cost UNetEncoderImpl::encoder_cost(int64_t& height, int64_t& width) const {
  const int64_t first = config_.model.block_out_channels.front();
  const int64_t time_dim = time_embedding_dim(config_.model);
  Cost cost;
  cost.macs = 9 * height * width * first * config_.signature.in_channels + first * time_dim +
              time_dim * time_dim;
  cost.activations = height * width * first;
  for (const auto& block : down_blocks_)
    cost += block->cost(height, width);
  cost += mid_block_->cost(height, width);
  return cost;
}

}  // namespace ddpm
