#include "ddpm/model/unet.h"

#include <torch/types.h>

#include "ddpm/model/norm.h"

namespace ddpm {

UNetImpl::UNetImpl(const NetworkConfig& config)
    : UNetEncoderImpl(config, config.signature.labels()) {
  const auto& model = config.model;
  const auto& channels = model.block_out_channels;
  const size_t levels = channels.size();
  torch::nn::ModuleList up;
  for (size_t i = 0; i < levels; ++i) {
    const size_t level = levels - 1 - i;
    const UpBlockChannels widths{.previous = channels[std::min(level + 1, levels - 1)],
                                 .out = channels[level],
                                 .last_skip = channels[level == 0 ? 0 : level - 1]};
    up_blocks_.emplace_back(model, model.up_block_types[i], widths, i + 1 < levels);
    up->push_back(up_blocks_.back());
  }
  register_module("up_blocks", up);
  conv_norm_out_ = register_layer(
      "conv_norm_out", make_group_norm(model.norm_num_groups, channels.front(), model.norm_eps),
      ParameterRole::kNormScale);
  conv_out_ = register_layer("conv_out", conv3x3(channels.front(), config.signature.out_channels),
                             ParameterRole::kLast);
  register_augment_layer();
}

torch::Tensor UNetImpl::forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                const Conditioning& conditioning) {
  auto [hidden, temb, skips] = encode(sample, timesteps, conditioning);
  for (auto& block : up_blocks_)
    hidden = block->forward(hidden, temb, skips, runner());
  return normalize_and_convolve(conv_norm_out_, hidden, conv_out_);
}

Cost UNetImpl::cost(int64_t height, int64_t width) const {
  const int64_t first = config().model.block_out_channels.front();
  const int64_t out = signature().out_channels;
  Cost cost{.macs = 9 * height * width * first * out,
            .activations = height * width * (first + out)};
  cost += encoder_cost(height, width);
  for (const auto& block : up_blocks_)
    cost += block->cost(height, width);
  return cost;
}

}  // namespace ddpm
