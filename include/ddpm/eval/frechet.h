#pragma once

#include <torch/types.h>

#include "ddpm/eval/feature_statistics.h"

namespace ddpm {

/// The Frechet distance of normal distributions to a fixed one,
/// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Heusel et al., "GANs trained by a two time-scale
/// update rule converge to a local Nash equilibrium", 2017). In Inception's features it is the FID.
///
/// The trace of the root is the sum of the roots of the eigenvalues of R^T S2 R with R R^T = S1:
/// real and finite for singular covariances too, without a term added to them.
class FrechetDistance {
 public:
  explicit FrechetDistance(FeatureStatistics reference);

  /// `DataError` if the dimensions differ.
  double to(const FeatureStatistics& other) const;
  const FeatureStatistics& reference() const { return reference_; }

 private:
  FeatureStatistics reference_;
  torch::Tensor root_;  // R [D, D]
};

/// The distance of two distributions.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

}  // namespace ddpm
