#include "ddpm/samplers/interpolation.h"

#include <algorithm>
#include <cmath>

#include <torch/types.h>

namespace ddpm {
namespace {

constexpr double kSmallestSine = 1e-6;

double cosine_between(const torch::Tensor& a, const torch::Tensor& b) {
  const auto u = a.to(torch::kFloat64).flatten();
  const auto v = b.to(torch::kFloat64).flatten();
  const double lengths = (u.norm() * v.norm()).item<double>();
  return lengths == 0.0 ? 1.0 : std::clamp(u.dot(v).item<double>() / lengths, -1.0, 1.0);
}

}  // namespace

torch::Tensor slerp(const torch::Tensor& from, const torch::Tensor& to, double share) {
  const double angle = std::acos(cosine_between(from, to));
  const double sine = std::sin(angle);
  if (sine < kSmallestSine) return from * (1.0 - share) + to * share;
  return from * (std::sin((1.0 - share) * angle) / sine) + to * (std::sin(share * angle) / sine);
}

}  // namespace ddpm
