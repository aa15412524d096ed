#include "ddpm/eval/manifold.h"

#include <torch/types.h>

#include "ddpm/eval/neighbours.h"

namespace ddpm {
namespace {

double share(const torch::Tensor& flags) {
  return flags.to(torch::kFloat64).mean().item<double>();
}

}  // namespace

ManifoldScores manifold_scores(const torch::Tensor& generated, const torch::Tensor& reference,
                               int64_t k) {
  const auto reference_radii = squared_radii(reference, k);
  const auto generated_radii = squared_radii(generated, k);
  const auto flags = reference.options().dtype(torch::kBool);
  const auto precise = torch::zeros({generated.size(0)}, flags);
  const auto recalled = torch::zeros({reference.size(0)}, flags);
  const auto covered = torch::zeros({reference.size(0)}, flags);
  int64_t inside_count = 0;
  visit_squared_distances(generated, reference, [&](int64_t first, const torch::Tensor& d2) {
    const int64_t rows = d2.size(0);
    const auto inside = d2 < reference_radii;
    precise.narrow(0, first, rows).copy_(inside.any(1));
    covered.logical_or_(inside.any(0));
    inside_count += inside.sum().item<int64_t>();
    const auto own_radii = generated_radii.narrow(0, first, rows).unsqueeze(1);
    recalled.logical_or_((d2 < own_radii).any(0));
  });
  const auto density = static_cast<double>(inside_count) / static_cast<double>(k) /
                       static_cast<double>(generated.size(0));
  return {share(precise), share(recalled), density, share(covered)};
}

}  // namespace ddpm
