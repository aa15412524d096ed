#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include <torch/types.h>

#include "ddpm/eval/batch_denoiser.h"

namespace ddpm {

/// Images [N, 1, 1, D] from N(0, Q diag(variances) Q^T), where Q is a rotation that mixes all
/// dimensions: data with everything about it known.
struct GaussianImages {
  explicit GaussianImages(std::vector<double> of_axes) : variances(of_axes) {
    const auto size = static_cast<int64_t>(of_axes.size());
    const auto i = torch::arange(size, torch::kFloat64);
    const auto mixed = torch::sin(1.0 + 2.3 * i.unsqueeze(0) + 1.7 * (i * i).unsqueeze(1));
    axes = std::get<0>(torch::linalg_qr(mixed + torch::eye(size, torch::kFloat64)));
    table = torch::tensor(of_axes, torch::kFloat64);
  }

  /// The exact denoiser.
  BatchDenoiser denoiser() const {
    return [*this](const torch::Tensor& x, const NoiseLevels& levels, const torch::Tensor&) {
      const auto total = levels.alpha.square() * table + levels.sigma.square();
      const auto along = torch::matmul(x, axes);
      const auto back = axes.transpose(0, 1);
      return Prediction{.x0 = torch::matmul(levels.alpha * table / total * along, back),
                        .eps = torch::matmul(levels.sigma / total * along, back)};
    };
  }

  /// In bits per dimension.
  double entropy() const {
    double sum = 0.0;
    for (const double variance : variances)
      sum += 0.5 * std::log2(2 * std::numbers::pi * std::numbers::e * variance);
    return sum / static_cast<double>(variances.size());
  }

  std::vector<double> variances;
  torch::Tensor axes;   // Q, one axis a column
  torch::Tensor table;  // the variances
};

}  // namespace ddpm
