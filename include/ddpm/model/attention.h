#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include "ddpm/model/cost.h"
#include "ddpm/model/parameter_role.h"

namespace ddpm {

struct AttentionOptions {
  int64_t channels = 0;
  int64_t head_dim = 0;         // of each of channels / head_dim heads, rounded down
  int64_t norm_num_groups = 0;  // 0: no group norm
  double norm_eps = 1e-6;
  double rescale_output_factor = 1.0;
};

/// Self-attention over the pixels of an image with a residual connection, as diffusers' `Attention`
/// in U-Nets: [N, C, H, W] to the same shape.
class AttentionImpl : public RoledModule {
 public:
  explicit AttentionImpl(const AttentionOptions& options);
  torch::Tensor forward(const torch::Tensor& hidden_states);
  Cost cost(int64_t height, int64_t width) const;

 private:
  /// Tokens [N, HW, C] to attended values [N, HW, heads * head_dim].
  torch::Tensor attend(const torch::Tensor& tokens);

  AttentionOptions options_;
  int64_t heads_;
  int64_t inner_;  // heads times head_dim
  torch::nn::GroupNorm group_norm_{nullptr};
  torch::nn::Linear to_q_;
  torch::nn::Linear to_k_;
  torch::nn::Linear to_v_;
  torch::nn::Linear to_out_;
};
TORCH_MODULE(Attention);

}  // namespace ddpm
