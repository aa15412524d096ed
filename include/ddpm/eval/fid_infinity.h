#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ddpm/eval/frechet.h"

namespace ddpm {

struct FidInfinityOptions {
  int64_t sizes = 15;    // evenly from `smallest` to all images
  int64_t smallest = 0;  // 0: 5000, or half of the images if they are fewer than 10,000
  uint64_t seed = 0;
};

/// Distances of random subsets, and the line through them over 1 / N.
struct FidInfinity {
  double value = 0.0;  // where 1 / N is zero
  double slope = 0.0;
  double correlation = 0.0;  // of distance and 1 / N: near 1 where the line holds
  std::vector<int64_t> sizes;
  std::vector<double> distances;
};

/// The Frechet distance extrapolated to infinitely many generated images (Chong and Forsyth,
/// "Effectively unbiased FID and Inception score", 2020), from features [N, D]. `DataError` for too
/// few images.
FidInfinity fid_infinity(const torch::Tensor& features, const FrechetDistance& reference,
                         const FidInfinityOptions& options);

}  // namespace ddpm
