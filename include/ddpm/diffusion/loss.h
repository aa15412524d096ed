#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/process.h"

namespace ddpm {

/// Weight of the squared error of the network's own target at a noise level.
///
/// Each scheme is one weight of the error of x0, read as whatever the network predicts, so that the
/// weighted losses of one prediction are equal for all prediction types:
///   none          1 for the network's own target
///   snr           SNR, the loss of the noise (Ho et al., 2020)
///   min_snr       min(SNR, gamma) (Hang et al., 2023)
///   soft_min_snr  SNR gamma / (SNR + gamma) (Crowson et al., 2024)
///   trunc_snr     max(SNR, 1) (Salimans and Ho, 2022); for a network that predicts eps, SNR = 0
///                 counts as 1
///   p2            SNR / (k + SNR)^gamma (Choi et al., 2022)
/// `snr` may be 0 (zero-terminal-SNR schedules) but not infinite.
double loss_weight(const TrainConfig& config, double snr, const ErrorFactors& factors);

/// Error of `prediction` for `target`, both [N, ...] float32: the mean over each image, [N].
///
/// l2: d^2, l1: |d|, huber: 2 c (sqrt(d^2 + c^2) - c), as in diffusers' training scripts, which is
/// d^2 near zero and 2 c |d| far away.
torch::Tensor prediction_error(const TrainConfig& config, const torch::Tensor& prediction,
                               const torch::Tensor& target);

}  // namespace ddpm
