#pragma once

#include <cstdint>
#include <functional>

#include <torch/types.h>

namespace ddpm {

/// The nearest reference of each query.
struct Neighbours {
  torch::Tensor index;     // [N] int64
  torch::Tensor distance;  // [N] float32, Euclidean
};

/// Calls `visit(first, d2)` for blocks of queries [N, D], with d2 [n, M] the squared Euclidean
/// distances of queries first ... first+n-1 to all references [M, D]. Memory stays bounded.
void visit_squared_distances(
    const torch::Tensor& queries, const torch::Tensor& references,
    const std::function<void(int64_t first, const torch::Tensor& d2)>& visit);

/// Squared distance [N] of each vector to its k-th nearest neighbour in the same set [N, D], itself
/// left out. `DataError` for no more than k vectors.
torch::Tensor squared_radii(const torch::Tensor& vectors, int64_t k);

/// The nearest of `references` [M, D] for each of `queries` [N, D].
Neighbours nearest_neighbours(const torch::Tensor& queries, const torch::Tensor& references);

/// The share of generated images that are near-copies of training images.
struct NearCopies {
  Neighbours nearest;   // training image of each generated one
  torch::Tensor ratio;  // [N] float32
  double share = 0.0;   // of ratios below the limit
};

/// The ratio of a generated image is its distance to the nearest training image, by that one's own
/// distance to the nearest training image that differs from it. An unseen image of the same
/// distribution has about 1, a copy 0. Below `limit` it counts as a near-copy; one third is the
/// limit of Yoon et al. ("Diffusion probabilistic models generalize when they fail to memorize",
/// 2023) for the nearest against the second nearest. Features [N, D] and [M, D]; `DataError` for
/// fewer than two training images.
NearCopies near_copies(const torch::Tensor& generated, const torch::Tensor& training,
                       double limit = 1.0 / 3.0);

}  // namespace ddpm
