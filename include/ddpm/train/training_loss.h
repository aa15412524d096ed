#pragma once

#include <optional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/likelihood.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/train/noising.h"

namespace ddpm {

/// What the network's answer to a micro-batch is worth.
struct BatchLoss {
  torch::Tensor images;    // [N] float32, with the weights of the noise levels
  torch::Tensor mean;      // scalar, with those of the timestep sampler too: what is minimised
  torch::Tensor accuracy;  // scalar, share of right classes; undefined but for classifiers
};

/// The loss of `train.loss`, or of a classifier. Runs on the device alone: nothing is read back.
///
/// simple: the weighted error of the prediction. vlb: T times the terms of the variational bound,
/// whose expectation is the bound in bits per dimension, without its constant. hybrid: the simple
/// loss and vlb_weight times the vlb, of which the mean gets no gradient: the bound trains the
/// variance alone (Nichol and Dhariwal, 2021, equation 16). classifier: cross entropy in nats.
class TrainingLoss {
 public:
  /// `config` must be complete (`complete_config`).
  TrainingLoss(const Config& config, torch::Device device);

  /// For a network's raw `output`.
  BatchLoss operator()(const NoisyBatch& batch, const torch::Tensor& output) const;

  /// T times the terms of the bound at the batch's timesteps, [N], bits per dimension. With
  /// `stop_mean` the output's first half gets no gradient.
  torch::Tensor bound(const NoisyBatch& batch, const torch::Tensor& output, bool stop_mean) const;

 private:
  BatchLoss classify(const NoisyBatch& batch, const torch::Tensor& logits) const;

  TrainConfig train_;
  DiffusionConfig diffusion_;
  bool large_variance_;
  torch::Tensor alphas_;  // [T], for the bound
  torch::Tensor sigmas_;
  std::optional<VariationalBound> bound_;
};

}  // namespace ddpm
