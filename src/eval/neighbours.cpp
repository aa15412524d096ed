#include "ddpm/eval/neighbours.h"

#include <algorithm>
#include <limits>

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int64_t kBlockNumbers = int64_t{1} << 25;  // of distances at once
constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// Squared distance, by the mean square of the training set's spread, up to which two training
/// images are the same: float32 gives that much between equal vectors.
constexpr double kSame = 1e-5;

}  // namespace

void visit_squared_distances(
    const torch::Tensor& queries, const torch::Tensor& references,
    const std::function<void(int64_t first, const torch::Tensor& d2)>& visit) {
  if (queries.size(1) != references.size(1)) {
    throw DataError("features: expected the reference's ", references.size(1), " dimensions, got ",
                    queries.size(1));
  }
  // Far from the origin, the squares of the norms would swallow the distances' digits.
  const auto origin = references.mean(0);
  const auto to = references - origin;
  const auto to_squares = to.square().sum(1);
  const int64_t rows = std::max<int64_t>(1, kBlockNumbers / std::max<int64_t>(1, to.size(0)));
  for (int64_t first = 0; first < queries.size(0); first += rows) {
    const int64_t count = std::min(rows, queries.size(0) - first);
    const auto from = queries.narrow(0, first, count) - origin;
    auto d2 = torch::addmm(to_squares, from, to.t(), 1.0, -2.0);
    d2 += from.square().sum(1, /*keepdim=*/true);
    visit(first, d2.clamp_min_(0.0));
  }
}

torch::Tensor squared_radii(const torch::Tensor& vectors, int64_t k) {
  if (k < 1 || vectors.size(0) <= k) {
    throw DataError("features: expected more than ", k, " images for ", k,
                    " nearest neighbours, got ", vectors.size(0));
  }
  auto radii = torch::empty({vectors.size(0)}, vectors.options());
  visit_squared_distances(vectors, vectors, [&](int64_t first, const torch::Tensor& d2) {
    d2.diagonal(first).fill_(kInfinity);
    radii.narrow(0, first, d2.size(0)).copy_(std::get<0>(d2.kthvalue(k, 1)));
  });
  return radii;
}

Neighbours nearest_neighbours(const torch::Tensor& queries, const torch::Tensor& references) {
  if (references.size(0) < 1) throw DataError("features: expected reference images, got none");
  Neighbours nearest;
  nearest.index = torch::empty({queries.size(0)}, queries.options().dtype(torch::kInt64));
  nearest.distance = torch::empty({queries.size(0)}, queries.options());
  visit_squared_distances(queries, references, [&](int64_t first, const torch::Tensor& d2) {
    const auto index = d2.argmin(1);
    const auto difference =
        queries.narrow(0, first, d2.size(0)) - references.index_select(0, index);
    nearest.index.narrow(0, first, d2.size(0)).copy_(index);
    nearest.distance.narrow(0, first, d2.size(0)).copy_(difference.norm(2, 1));
  });
  return nearest;
}

NearCopies near_copies(const torch::Tensor& generated, const torch::Tensor& training,
                       double limit) {
  if (training.size(0) < 2) {
    throw DataError("near-copies: expected at least 2 training images, got ", training.size(0));
  }
  NearCopies copies;
  copies.nearest = nearest_neighbours(generated, training);
  const auto spread = training.var(0, /*unbiased=*/false).sum().item<double>();
  const auto own = training.index_select(0, copies.nearest.index);
  auto distance = torch::empty_like(copies.nearest.distance);
  visit_squared_distances(own, training, [&](int64_t first, const torch::Tensor& d2) {
    d2.masked_fill_(d2 <= kSame * spread, kInfinity);
    distance.narrow(0, first, d2.size(0)).copy_(std::get<0>(d2.min(1)).sqrt());
  });
  if (distance.isinf().any().item<bool>()) {
    throw DataError("near-copies: expected training images that differ, got equal features");
  }
  copies.ratio = copies.nearest.distance / distance;
  copies.share = (copies.ratio < limit).to(torch::kFloat64).mean().item<double>();
  return copies;
}

}  // namespace ddpm
