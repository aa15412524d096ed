#include "ddpm/diffusion/prediction.h"

#include <torch/types.h>

namespace ddpm {
namespace {

/// `Scale` is a number, or a tensor of one number an image.
template <typename Scale>
Prediction read(PredictionType type, const torch::Tensor& x_t, const torch::Tensor& output,
                const Scale& alpha, const Scale& sigma) {
  switch (type) {
    case PredictionType::kSample:
      return {output, (x_t - alpha * output) / sigma};
    case PredictionType::kVPrediction:
      return {alpha * x_t - sigma * output, alpha * output + sigma * x_t};
    case PredictionType::kEpsilon:
      break;
  }
  return {(x_t - sigma * output) / alpha, output};
}

}  // namespace

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

Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, double alpha, double sigma) {
  return read(type, x_t, output, alpha, sigma);
}

Prediction read_prediction(PredictionType type, const torch::Tensor& x_t,
                           const torch::Tensor& output, const torch::Tensor& alpha,
                           const torch::Tensor& sigma) {
  return read(type, x_t, output, alpha, sigma);
}

}  // namespace ddpm
