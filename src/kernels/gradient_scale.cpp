#include "ddpm/kernels/gradient_scale.h"

namespace ddpm {

GradientScale gradient_scale(const torch::Tensor& norm, double max_norm,
                             const torch::Tensor& loss) {
  const auto finite = norm.isfinite();
  return {
      .factor = max_norm > 0 ? (max_norm / (norm + 1e-6)).clamp_max(1.0) : torch::ones_like(norm),
      .finite = loss.defined() ? finite.logical_and(loss.isfinite()) : finite};
}

}  // namespace ddpm
