#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"

namespace ddpm {

/// What the network is asked to predict, and how its answer is read. In all of this
/// x_t = alpha x0 + sigma eps, with alpha = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar).

/// The training target for clean images `x0` and noise `eps`, both [N, C, H, W]; `alpha` and
/// `sigma` are [N, 1, 1, 1]. For v: alpha eps - sigma x0 (Salimans and Ho, 2022).
torch::Tensor training_target(PredictionType type, const torch::Tensor& x0,
                              const torch::Tensor& eps, const torch::Tensor& alpha,
                              const torch::Tensor& sigma);

/// A network's answer for one noise level, as clean image and noise.
struct Prediction {
  torch::Tensor x0;
  torch::Tensor eps;
};

/// Reads the network's `output` for noisy images `x_t` of noise level `alpha_bar`, in (0, 1).
Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, double alpha_bar);

/// The noise that leads from `x0` to `x_t`.
torch::Tensor noise_between(const torch::Tensor& x0, const torch::Tensor& x_t, double alpha_bar);

}  // namespace ddpm
