#pragma once

#include <vector>

#include <torch/types.h>

#include "ddpm/kernels/adam.h"

namespace ddpm {

/// Constants of one step of Muon (Jordan et al., 2024), with Nesterov's momentum and decoupled
/// decay.
struct MuonOptions {
  double lr = 0.0;
  double momentum = 0.95;
  double weight_decay = 0.0;
  double max_grad_norm = 0.0;  // gradients are scaled down as if `norm` fell to this; 0: left alone
  double ema_decay = 0.0;
  torch::Tensor norm;       // of all gradients of the step, a scalar on the weights' device
  torch::Tensor loss = {};  // likewise; may be undefined
};

/// The matrix nearest to orthogonal, roughly: singular values of each of `matrices` [N, R, C] go to
/// between 0.7 and 1.2, or to 0 from 0, by five steps of a Newton-Schulz iteration of order five.
torch::Tensor orthogonalize(const torch::Tensor& matrices);

/// Steps the weights that these gradients cover; `exp_avg` of `tensors` holds their momentum, and
/// `exp_avg_sq` is not used. A gradient [R, ...] is a matrix of R rows, as it lies in memory. The
/// step of one has a root mean square of about 0.2 lr, as Adam's have (Liu et al., "Muon is
/// scalable for LLM training", 2025; `match_rms_adamw` of torch.optim.Muon), so that one rate does
/// for both. Nothing changes if the norm or the loss is not finite.
void muon_step(const AdamTensors& tensors, const std::vector<GradientPart>& gradients,
               const MuonOptions& options);

}  // namespace ddpm
