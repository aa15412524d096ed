#include "ddpm/diffusion/loss.h"

#include <algorithm>
#include <cmath>

#include <torch/types.h>

namespace ddpm {

double loss_weight(const TrainConfig& config, double snr, const ErrorFactors& factors) {
  // In terms of the factors nothing is divided by an SNR of 0.
  const double gamma = config.snr_gamma;
  switch (config.loss_weighting) {
    case LossWeighting::kSnr:
      return factors.eps;
    case LossWeighting::kMinSnr:
      return std::min(factors.eps, gamma * factors.x0);
    case LossWeighting::kSoftMinSnr:
      return factors.eps * gamma / (snr + gamma);
    case LossWeighting::kTruncSnr:
      return std::isfinite(factors.x0) ? std::max(factors.eps, factors.x0) : factors.eps;
    case LossWeighting::kP2:
      return factors.eps * std::pow(config.p2_k + snr, -config.p2_gamma);
    case LossWeighting::kNone:
      break;
  }
  return 1.0;
}

torch::Tensor prediction_error(const TrainConfig& config, const torch::Tensor& prediction,
                               const torch::Tensor& target) {
  const auto difference = (prediction - target).flatten(1);
  switch (config.loss_type) {
    case LossType::kL1:
      return difference.abs().mean(1);
    case LossType::kHuber: {
      const double c = config.huber_c;
      return (2.0 * c * (torch::sqrt(difference.square() + c * c) - c)).mean(1);
    }
    case LossType::kL2:
      break;
  }
  return difference.square().mean(1);
}

}  // namespace ddpm
