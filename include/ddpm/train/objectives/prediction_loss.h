#pragma once

#include <optional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/likelihood.h"
#include "ddpm/train/objective.h"

namespace ddpm {

/// What a denoiser's prediction is worth: the loss of `train.loss`, of the inputs that `Denoising`
/// makes. Runs on the device alone: nothing is read back.
///
/// simple: the weighted error of the prediction. vlb: T times the terms of the variational bound,
/// whose expectation is the bound in bits per dimension, without its constant. hybrid: the simple
/// loss and vlb_weight times the vlb, of which the mean gets no gradient: the bound trains the
/// variance alone (Nichol and Dhariwal, 2021, equation 16).
class PredictionLoss {
 public:
  /// `config` must be complete (`complete_config`).
  PredictionLoss(const Config& config, torch::Device device);

  /// For a network's raw `output` [N, C or 2C, H, W].
  BatchLoss operator()(const StepInputs& inputs, const torch::Tensor& output) const;

  /// T times the terms of the bound at the inputs' timesteps, [N], bits per dimension. With
  /// `stop_mean` the output's first half gets no gradient.
  torch::Tensor bound(const StepInputs& inputs, const torch::Tensor& output, bool stop_mean) const;

 private:
  TrainConfig train_;
  DiffusionConfig diffusion_;
  bool large_variance_;
  torch::Tensor alphas_;  // [T], for the bound
  torch::Tensor sigmas_;
  std::optional<VariationalBound> bound_;
};

}  // namespace ddpm
