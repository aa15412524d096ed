#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"

namespace ddpm {

/// What the network of the discrete process is asked to predict, and how its answer is read. In all
/// of this x_t = alpha x0 + sigma eps. See `Process` for all processes.

/// The training target for clean images `x0` and noise `eps`, both [N, C, H, W]; `alpha` and
/// `sigma` are [N, 1, 1, 1]. For v: alpha eps - sigma x0 (Salimans and Ho, 2022).
torch::Tensor training_target(PredictionType type, const torch::Tensor& x0,
                              const torch::Tensor& eps, const torch::Tensor& alpha,
                              const torch::Tensor& sigma);

/// A network's answer for one noise level, as clean image and noise, [N, C, H, W].
struct Prediction {
  torch::Tensor x0;
  torch::Tensor eps;
  torch::Tensor variance = {};  // of networks that learn it: its raw second half; else undefined
};

/// Reads the network's `output` for noisy images `x_t` of one noise level, alpha^2 + sigma^2 = 1.
/// sigma = 0 allows no sample prediction, alpha = 0 no epsilon prediction.
Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, double alpha, double sigma);

/// The same for images of different noise levels, [N, 1, 1, 1].
Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, const torch::Tensor& alpha,
                           const torch::Tensor& sigma);

}  // namespace ddpm
