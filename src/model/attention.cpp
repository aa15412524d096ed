#include "ddpm/model/attention.h"

#include <torch/types.h>

#include "ddpm/kernels/attention.h"
#include "ddpm/model/norm.h"

namespace ddpm {
AttentionImpl::AttentionImpl(const AttentionOptions& options)
    : options_(options),
      heads_(options.channels / options.head_dim),
      inner_(heads_ * options.head_dim),
      to_q_(register_layer("to_q", torch::nn::Linear(options.channels, inner_),
                           ParameterRole::kMatrix)),
      to_k_(register_layer("to_k", torch::nn::Linear(options.channels, inner_),
                           ParameterRole::kMatrix)),
      to_v_(register_layer("to_v", torch::nn::Linear(options.channels, inner_),
                           ParameterRole::kMatrix)),
      to_out_(torch::nn::Linear(inner_, options.channels)) {
  TORCH_CHECK(heads_ > 0, "attention: head_dim ", options.head_dim, " exceeds channels ",
              options.channels);
  if (options.norm_num_groups > 0) {
    group_norm_ = register_layer(
        "group_norm", make_group_norm(options.norm_num_groups, options.channels, options.norm_eps),
        ParameterRole::kNormScale);
  }
  register_module("to_out", torch::nn::ModuleList(to_out_));  // diffusers' key is to_out.0
  note_roles("to_out.0", *to_out_, ParameterRole::kResidualEnd);
}

torch::Tensor AttentionImpl::attend(const torch::Tensor& tokens) {
  const std::vector<int64_t> heads{tokens.size(0), -1, heads_, options_.head_dim};
  if (is_better_apart(tokens.device(), options_.head_dim)) {
    return attention(to_q_(tokens).view(heads), to_k_(tokens).view(heads),
                     to_v_(tokens).view(heads));
  }
  // One product for queries, keys and values.
  const auto weight = torch::cat({to_q_->weight, to_k_->weight, to_v_->weight});
  const auto bias = torch::cat({to_q_->bias, to_k_->bias, to_v_->bias});
  return attention(
      torch::linear(tokens, weight, bias).view({tokens.size(0), -1, 3, heads_, options_.head_dim}));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& hidden_states) {
  const auto normed = group_norm_.is_empty()
                          ? hidden_states
                          : normalize(group_norm_, hidden_states, Activation::kNone);
  const auto merged = attend(normed.flatten(2).transpose(1, 2));  // [N, HW, C]
  const auto output = to_out_(merged).transpose(1, 2).reshape_as(hidden_states).add_(hidden_states);
  return options_.rescale_output_factor == 1.0 ? output : output / options_.rescale_output_factor;
}

Cost AttentionImpl::cost(int64_t height, int64_t width) const {
  const int64_t tokens = height * width;
  return {.macs = 4 * tokens * options_.channels * inner_ + 2 * tokens * tokens * inner_,
          .activations = 2 * tokens * options_.channels + 4 * tokens * inner_};
}

}  // namespace ddpm
