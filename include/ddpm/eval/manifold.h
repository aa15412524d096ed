#pragma once

#include <cstdint>

#include <torch/types.h>

namespace ddpm {

/// How two sets of features overlap, each in [0, 1] except for density, which may exceed 1.
struct ManifoldScores {
  double precision = 0.0;  // share of generated ones within a ball of a reference
  double recall = 0.0;     // share of references within a ball of a generated one
  double density = 0.0;    // how many reference balls hold a generated one, by k
  double coverage = 0.0;   // share of reference balls that hold a generated one
};

/// Improved precision and recall (Kynkaanniemi et al., 2019), density and coverage (Naeem et al.,
/// "Reliable fidelity and diversity metrics", 2020) of features [N, D] and [M, D]. The ball of a
/// vector reaches to its k-th nearest neighbour among its own, itself left out; on the surface is
/// outside. `DataError` if a side has no more than k or the dimensions differ.
///
/// Distances are formed in blocks, so that memory does not grow with N x M. The tensors may be on
/// any one device.
ManifoldScores manifold_scores(const torch::Tensor& generated, const torch::Tensor& reference,
                               int64_t k = 3);

}  // namespace ddpm
