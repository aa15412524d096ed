#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace ddpm {

/// Constants of one step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019), and
/// of the moving average of the weights that follows it.
struct AdamOptions {
  double lr = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool decoupled_decay = true;  // AdamW
  int64_t step = 1;             // counts from 1
  double max_grad_norm = 0.0;   // gradients are scaled down to this norm; 0: left alone
  double ema_decay = 0.0;
  torch::Tensor loss = {};  // a scalar on the weights' device; may be undefined
  // A scalar likewise, taken for the norm of the gradients; undefined: it is computed.
  torch::Tensor norm = {};
};

/// What a step changes: flat float32 tensors of one size.
struct AdamTensors {
  torch::Tensor weights;
  torch::Tensor exp_avg;
  torch::Tensor exp_avg_sq;
  torch::Tensor ema;
  torch::Tensor bf16_weights;  // the new weights in bfloat16; may be undefined
};

/// The gradient of the numbers from `offset` on, in their order in memory: dense, float32 or
/// bfloat16. Numbers that no gradient covers are left alone.
struct GradientPart {
  torch::Tensor gradient;
  int64_t offset = 0;
};

/// The norm of the gradients together, a float32 scalar on their device.
torch::Tensor gradient_norm(const std::vector<GradientPart>& gradients);

/// Clips, steps and averages. Nothing changes if a gradient or the loss is not finite. Gives the
/// norm of the gradients before clipping, a float32 scalar on their device.
///
/// On the CPU all tensors are read and written once, after one pass for the norm; elsewhere this is
/// `adam_step_reference`. The same bits for any number of threads.
torch::Tensor adam_step(const AdamTensors& tensors, const std::vector<GradientPart>& gradients,
                        const AdamOptions& options);

/// The same in LibTorch's operators.
torch::Tensor adam_step_reference(const AdamTensors& tensors,
                                  const std::vector<GradientPart>& gradients,
                                  const AdamOptions& options);

}  // namespace ddpm
