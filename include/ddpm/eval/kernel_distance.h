#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace ddpm {

/// Mean and standard deviation over subsets.
struct KernelDistance {
  double mean = 0.0;
  double deviation = 0.0;  // divisor: number of subsets
};

struct KernelDistanceOptions {
  int64_t subsets = 100;
  int64_t subset_size = 1000;
  uint64_t seed = 0;
};

/// Row numbers (int64 [M]) of one subset on each side.
struct SubsetPair {
  torch::Tensor generated;
  torch::Tensor reference;
};

/// The unbiased squared maximum mean discrepancy of vectors [M, D] and [M, D] with the kernel
/// (x.y / D + 1)^3, in float64. It may be below zero.
double squared_mmd(const torch::Tensor& a, const torch::Tensor& b);

/// The kernel (Inception) distance of features [N, D] and [M, D] (Binkowski et al., "Demystifying
/// MMD GANs", 2018): `squared_mmd` over random subsets. `DataError` if a side is smaller than a
/// subset or the dimensions differ.
KernelDistance kernel_distance(const torch::Tensor& generated, const torch::Tensor& reference,
                               const KernelDistanceOptions& options);

/// The same over given subsets.
KernelDistance kernel_distance(const torch::Tensor& generated, const torch::Tensor& reference,
                               const std::vector<SubsetPair>& subsets);

}  // namespace ddpm
