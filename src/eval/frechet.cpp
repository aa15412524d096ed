#include "ddpm/eval/frechet.h"

#include <utility>

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

/// R with R R^T = `covariance`: Cholesky's, which costs little, or one of eigenvectors for singular
/// matrices.
torch::Tensor root_of(const torch::Tensor& covariance) {
  const auto [root, failed] = torch::linalg_cholesky_ex(covariance);
  if (failed.item<int>() == 0) return root;
  const auto [values, vectors] = torch::linalg_eigh(covariance);
  return vectors * values.clamp_min(0.0).sqrt();  // rounding makes zeros slightly negative
}

}  // namespace

FrechetDistance::FrechetDistance(FeatureStatistics reference)
    : reference_(std::move(reference)),
      root_(root_of(reference_.covariance)) {}

double FrechetDistance::to(const FeatureStatistics& other) const {
  if (other.dimensions() != reference_.dimensions()) {
    throw DataError("features: expected the reference's ", reference_.dimensions(),
                    " dimensions, got ", other.dimensions());
  }
  const auto product = torch::matmul(root_.t(), torch::matmul(other.covariance, root_));
  const auto roots = torch::linalg_eigvalsh((product + product.t()) / 2.0).clamp_min(0.0).sqrt();
  const auto traces = reference_.covariance.trace() + other.covariance.trace();
  const auto means = (reference_.mean - other.mean).square().sum();
  const auto distance = (means + traces - 2.0 * roots.sum()).item<double>();
  return distance < 0.0 ? 0.0 : distance;  // NaN stays
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  return FrechetDistance(a).to(b);
}

}  // namespace ddpm
