#include "ddpm/model/resnet_block.h"

#include <torch/types.h>

#include "ddpm/kernels/upsample_convolution.h"
#include "ddpm/model/norm.h"

namespace ddpm {

torch::Tensor upsample_and_convolve(const torch::Tensor& x, const torch::nn::Conv2d& conv) {
  return upsample_convolution(x, conv->weight, conv->bias);
}

torch::nn::Conv2d conv3x3(int64_t in_channels, int64_t out_channels, int64_t stride,
                          int64_t padding) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in_channels, out_channels, 3).stride(stride).padding(padding));
}

ResnetBlockImpl::ResnetBlockImpl(const ResnetBlockOptions& o)
    : options_(o),
      norm1_(register_layer("norm1", make_group_norm(o.norm_num_groups, o.in_channels, o.norm_eps),
                            ParameterRole::kNormScale)),
      conv1_(
          register_layer("conv1", conv3x3(o.in_channels, o.out_channels), ParameterRole::kMatrix)),
      time_emb_proj_(register_layer(
          "time_emb_proj",
          torch::nn::Linear(o.time_embed_dim, o.time_scale_shift == TimeScaleShift::kScaleShift
                                                  ? 2 * o.out_channels
                                                  : o.out_channels),
          ParameterRole::kMatrix)),
      norm2_(register_layer("norm2", make_group_norm(o.norm_num_groups, o.out_channels, o.norm_eps),
                            ParameterRole::kNormScale)),
      conv2_(register_layer("conv2", conv3x3(o.out_channels, o.out_channels),
                            ParameterRole::kResidualEnd)) {
  if (o.in_channels != o.out_channels) {
    conv_shortcut_ = register_layer(
        "conv_shortcut",
        torch::nn::Conv2d(torch::nn::Conv2dOptions(o.in_channels, o.out_channels, 1)),
        ParameterRole::kMatrix);
  }
}

torch::Tensor ResnetBlockImpl::resampled(const torch::Tensor& x) const {
  switch (options_.resample) {
    case Resample::kUp:
      return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
    case Resample::kDown:
      return torch::avg_pool2d(x, 2, 2);
    case Resample::kNone:
      break;
  }
  return x;
}

torch::Tensor ResnetBlockImpl::first_convolution(const torch::Tensor& input) {
  if (options_.resample == Resample::kNone) return normalize_and_convolve(norm1_, input, conv1_);
  const auto normed = normalize(norm1_, input, Activation::kSilu);
  return options_.resample == Resample::kUp ? upsample_and_convolve(normed, conv1_)
                                            : conv1_(resampled(normed));
}

torch::Tensor ResnetBlockImpl::forward(const torch::Tensor& input, const torch::Tensor& temb) {
  auto hidden = first_convolution(input);
  const auto time = time_emb_proj_(temb);  // [N, C or 2C]
  const bool scale_shift = options_.time_scale_shift == TimeScaleShift::kScaleShift;
  const auto modulation = scale_shift ? Modulation{.shift = {}, .scale_shift = time}
                                      : Modulation{.shift = time, .scale_shift = {}};
  if (is_training() && options_.dropout > 0) {
    hidden = normalize(norm2_, hidden, Activation::kSilu, modulation);
    hidden = conv2_(torch::dropout(hidden, options_.dropout, /*train=*/true));
  } else {
    hidden = normalize_and_convolve(norm2_, hidden, conv2_, modulation);
  }
  auto shortcut = resampled(input);
  if (!conv_shortcut_.is_empty()) shortcut = conv_shortcut_(shortcut);
  const auto output = hidden.add_(shortcut);  // nothing else reads the convolution's output
  return options_.output_scale_factor == 1.0 ? output : output / options_.output_scale_factor;
}

Cost ResnetBlockImpl::cost(int64_t& height, int64_t& width) const {
  const int64_t input_pixels = height * width;
  if (options_.resample == Resample::kUp) height *= 2, width *= 2;
  if (options_.resample == Resample::kDown) height /= 2, width /= 2;
  const int64_t pixels = height * width;
  const int64_t in = options_.in_channels;
  const int64_t out = options_.out_channels;
  Cost cost;
  cost.macs = 9 * pixels * in * out + 9 * pixels * out * out +
              options_.time_embed_dim * time_emb_proj_->options.out_features();
  // The input and the first convolution's output; normalized images are made again.
  cost.activations = input_pixels * in + pixels * out;
  if (options_.dropout > 0) cost.activations += 2 * pixels * out;
  if (options_.resample != Resample::kNone) cost.activations += (input_pixels + 2 * pixels) * in;
  if (!conv_shortcut_.is_empty()) cost.macs += pixels * in * out;
  return cost;
}

}  // namespace ddpm
