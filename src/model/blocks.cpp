#include "ddpm/model/blocks.h"

#include <torch/types.h>

#include "ddpm/config/block_types.h"

namespace ddpm {

int64_t time_embedding_dim(const ModelConfig& config) {
  return config.time_embedding_dim.value_or(4 * config.block_out_channels.front());
}

namespace {

ResnetBlockOptions resnet_options(const ModelConfig& config, int64_t in_channels,
                                  int64_t out_channels, Resample resample = Resample::kNone) {
  return {.in_channels = in_channels,
          .out_channels = out_channels,
          .time_embed_dim = time_embedding_dim(config),
          .norm_num_groups = config.norm_num_groups,
          .norm_eps = config.norm_eps,
          .dropout = config.dropout,
          .time_scale_shift = config.resnet_time_scale_shift,
          .output_scale_factor = 1.0,
          .resample = resample};
}

AttentionOptions attention_options(const ModelConfig& config, int64_t channels) {
  return {.channels = channels,
          .head_dim = config.attention_head_dim.value_or(channels),
          .norm_num_groups = config.norm_num_groups,
          .norm_eps = config.norm_eps,
          .rescale_output_factor = 1.0};
}

/// In diffusers the middle attention has no norm beside scale-shift blocks, unless told to.
int64_t mid_attention_groups(const ModelConfig& config) {
  if (config.attn_norm_num_groups) return *config.attn_norm_num_groups;
  return config.resnet_time_scale_shift == TimeScaleShift::kDefault ? config.norm_num_groups : 0;
}

/// A side behind a convolution of 3 with stride 2. An odd one, which only classifiers have, is
/// rounded up with padding on both ends, else down.
int64_t halved(int64_t side, int64_t padding) {
  return (side + (padding == 0 ? 0 : 1)) / 2;
}

/// Registers the modules as NAME.0, NAME.1, ...
template <typename M>
void register_list(torch::nn::Module& owner, const std::string& name,
                   const std::vector<M>& modules) {
  if (modules.empty()) return;
  torch::nn::ModuleList list;
  for (const auto& module : modules)
    list->push_back(module);
  owner.register_module(name, list);
}

/// Registers one down- or upsampling convolution as NAME.0.conv.
void register_sampler(RoledModule& owner, const std::string& name, const torch::nn::Conv2d& conv) {
  const auto holder = std::make_shared<torch::nn::Module>();
  holder->register_module("conv", conv.ptr());
  torch::nn::ModuleList list;
  list->push_back(holder);
  owner.register_module(name, list);
  owner.note_roles(name + ".0.conv", *conv, ParameterRole::kMatrix);
}

Cost layers_cost(const std::vector<ResnetBlock>& resnets, const std::vector<Attention>& attentions,
                 int64_t& height, int64_t& width) {
  Cost cost;
  for (size_t i = 0; i < resnets.size(); ++i) {
    cost += resnets[i]->cost(height, width);
    if (!attentions.empty()) cost += attentions[i]->cost(height, width);
  }
  return cost;
}

Cost conv_cost(const torch::nn::Conv2d& conv, int64_t height, int64_t width) {
  const auto& options = conv->options;
  return {.macs = 9 * height * width * options.in_channels() * options.out_channels(),
          .activations = height * width * options.out_channels()};
}

}  // namespace

DownBlockImpl::DownBlockImpl(const ModelConfig& config, const std::string& type,
                             int64_t in_channels, int64_t out_channels, bool add_downsample)
    : downsample_padding_(config.downsample_padding) {
  const auto& kind = block_type(type);
  for (int64_t i = 0; i < config.layers_per_block; ++i) {
    const int64_t in = i == 0 ? in_channels : out_channels;
    resnets_.emplace_back(resnet_options(config, in, out_channels));
    if (kind.attends) attentions_.emplace_back(attention_options(config, out_channels));
  }
  register_list(*this, "attentions", attentions_);
  register_list(*this, "resnets", resnets_);
  if (!add_downsample) return;
  if (kind.resamples_by_resnet || (kind.attends && config.downsample_type == Resampling::kResnet)) {
    resnet_downsampler_ =
        ResnetBlock(resnet_options(config, out_channels, out_channels, Resample::kDown));
    register_list(*this, "downsamplers", std::vector{resnet_downsampler_});
  } else {
    conv_downsampler_ = conv3x3(out_channels, out_channels, 2, downsample_padding_);
    register_sampler(*this, "downsamplers", conv_downsampler_);
  }
}

torch::Tensor DownBlockImpl::downsample(const torch::Tensor& hidden, const torch::Tensor& temb,
                                        BlockRunner run) {
  if (!resnet_downsampler_.is_empty()) return run(*resnet_downsampler_, hidden, temb);
  if (downsample_padding_ == 0) {  // one row and column at the far ends, as in the DDPM code
    return conv_downsampler_(torch::constant_pad_nd(hidden, {0, 1, 0, 1}));
  }
  return conv_downsampler_(hidden);
}

torch::Tensor DownBlockImpl::forward(torch::Tensor hidden, const torch::Tensor& temb,
                                     std::vector<torch::Tensor>& skips, BlockRunner run) {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    hidden = run(*resnets_[i], hidden, temb);
    if (!attentions_.empty()) hidden = attentions_[i](hidden);
    skips.push_back(hidden);
  }
  if (!conv_downsampler_.is_empty() || !resnet_downsampler_.is_empty()) {
    hidden = downsample(hidden, temb, run);
    skips.push_back(hidden);
  }
  return hidden;
}

Cost DownBlockImpl::cost(int64_t& height, int64_t& width) const {
  Cost cost = layers_cost(resnets_, attentions_, height, width);
  if (!resnet_downsampler_.is_empty()) {
    cost += resnet_downsampler_->cost(height, width);
  } else if (!conv_downsampler_.is_empty()) {
    height = halved(height, downsample_padding_);
    width = halved(width, downsample_padding_);
    cost += conv_cost(conv_downsampler_, height, width);
  }
  return cost;
}

MidBlockImpl::MidBlockImpl(const ModelConfig& config) {
  const int64_t channels = config.block_out_channels.back();
  auto options = resnet_options(config, channels, channels);
  options.output_scale_factor = config.mid_block_scale_factor;
  first_ = ResnetBlock(options);
  second_ = ResnetBlock(options);
  if (config.add_attention) {
    auto attention = attention_options(config, channels);
    attention.norm_num_groups = mid_attention_groups(config);
    attention.rescale_output_factor = config.mid_block_scale_factor;
    attention_ = Attention(attention);
    register_list(*this, "attentions", std::vector{attention_});
  }
  register_list(*this, "resnets", std::vector{first_, second_});
}

torch::Tensor MidBlockImpl::forward(const torch::Tensor& hidden, const torch::Tensor& temb,
                                    BlockRunner run) {
  auto output = run(*first_, hidden, temb);
  if (!attention_.is_empty()) output = attention_(output);
  return run(*second_, output, temb);
}

Cost MidBlockImpl::cost(int64_t& height, int64_t& width) const {
  Cost cost = first_->cost(height, width);
  if (!attention_.is_empty()) cost += attention_->cost(height, width);
  cost += second_->cost(height, width);
  return cost;
}

UpBlockImpl::UpBlockImpl(const ModelConfig& config, const std::string& type,
                         const UpBlockChannels& channels, bool add_upsample) {
  const auto& kind = block_type(type);
  const int64_t layers = config.layers_per_block + 1;
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t in = i == 0 ? channels.previous : channels.out;
    const int64_t skip = i == layers - 1 ? channels.last_skip : channels.out;
    resnets_.emplace_back(resnet_options(config, in + skip, channels.out));
    if (kind.attends) attentions_.emplace_back(attention_options(config, channels.out));
  }
  register_list(*this, "attentions", attentions_);
  register_list(*this, "resnets", resnets_);
  if (!add_upsample) return;
  if (kind.resamples_by_resnet || (kind.attends && config.upsample_type == Resampling::kResnet)) {
    resnet_upsampler_ =
        ResnetBlock(resnet_options(config, channels.out, channels.out, Resample::kUp));
    register_list(*this, "upsamplers", std::vector{resnet_upsampler_});
  } else {
    conv_upsampler_ = conv3x3(channels.out, channels.out);
    register_sampler(*this, "upsamplers", conv_upsampler_);
  }
}

torch::Tensor UpBlockImpl::forward(torch::Tensor hidden, const torch::Tensor& temb,
                                   std::vector<torch::Tensor>& skips, BlockRunner run) {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    hidden = run(*resnets_[i], torch::cat({hidden, skips.back()}, 1), temb);
    skips.pop_back();
    if (!attentions_.empty()) hidden = attentions_[i](hidden);
  }
  if (!resnet_upsampler_.is_empty()) return run(*resnet_upsampler_, hidden, temb);
  if (!conv_upsampler_.is_empty()) return upsample_and_convolve(hidden, conv_upsampler_);
  return hidden;
}

Cost UpBlockImpl::cost(int64_t& height, int64_t& width) const {
  Cost cost = layers_cost(resnets_, attentions_, height, width);
  if (!resnet_upsampler_.is_empty()) {
    cost += resnet_upsampler_->cost(height, width);
  } else if (!conv_upsampler_.is_empty()) {
    height *= 2;
    width *= 2;
    cost += conv_cost(conv_upsampler_, height, width);
  }
  return cost;
}

}  // namespace ddpm
