#include "ddpm/diffusion/prediction.h"

#include <cmath>

#include <torch/types.h>

namespace ddpm {

torch::Tensor training_target(PredictionType type, const torch::Tensor& x0,
                              const torch::Tensor& eps, const torch::Tensor& alpha,
                              const torch::Tensor& sigma) {
  switch (type) {
    case PredictionType::kSample:
      return x0;
    case PredictionType::kVPrediction:
      return alpha * eps - sigma * x0;
    case PredictionType::kEpsilon:
      break;
  }
  return eps;
}

torch::Tensor noise_between(const torch::Tensor& x0, const torch::Tensor& x_t, double alpha_bar) {
  return (x_t - std::sqrt(alpha_bar) * x0) / std::sqrt(1.0 - alpha_bar);
}

Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, double alpha_bar) {
  const double alpha = std::sqrt(alpha_bar);
  const double sigma = std::sqrt(1.0 - alpha_bar);
  switch (type) {
    case PredictionType::kSample:
      return {output, noise_between(output, x_t, alpha_bar)};
    case PredictionType::kVPrediction:
      return {alpha * x_t - sigma * output, alpha * output + sigma * x_t};
    case PredictionType::kEpsilon:
      break;
  }
  return {(x_t - sigma * output) / alpha, output};
}

}  // namespace ddpm
