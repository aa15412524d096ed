#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <torch/types.h>

#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// Mean and covariance of feature vectors, in float64 on the CPU.
struct FeatureStatistics {
  int64_t count = 0;         // of images; 0 if a file does not say
  torch::Tensor mean;        // [D]
  torch::Tensor covariance;  // [D, D], with the divisor count - 1, as numpy.cov
  /// The `network_identity` of what measured them; "" if a file does not say.
  std::string network = {};

  int64_t dimensions() const { return mean.size(0); }
};

/// Gathers statistics batch by batch, in memory for D^2 numbers whatever the number of images.
/// Only metrics that compare single images (KID, precision, neighbours, ...) need the features
/// themselves: 50,000 of Inception's take 410 MB.
class StatisticsAccumulator {
 public:
  explicit StatisticsAccumulator(int64_t dimensions);

  /// Adds vectors [N, D] of any floating type. `DataError` if one is not finite.
  void add(const torch::Tensor& features);
  int64_t count() const { return count_; }
  /// `DataError` for fewer than two vectors.
  FeatureStatistics statistics() const;

  /// What it has gathered, to go on from later; empty if nothing yet.
  NamedTensors state() const;
  /// `DataError` if the state is damaged or of other dimensions.
  void load_state(const NamedTensors& state);

 private:
  int64_t count_ = 0;
  torch::Tensor origin_;    // [D], near the mean, so that sums of squares lose no digits
  torch::Tensor sum_;       // [D], of x - origin
  torch::Tensor products_;  // [D, D], of (x - origin)(x - origin)^T
};

/// Statistics of vectors [N, D].
FeatureStatistics feature_statistics(const torch::Tensor& features);

/// What an `.npz` file holds; reference files of guided-diffusion hold both.
struct NpzContent {
  bool statistics = false;
  bool images = false;  // `arr_0`
};
NpzContent npz_content(const std::filesystem::path& path);

/// Reads an `.npz` with `mu` and `sigma` (pytorch-fid, EDM, guided-diffusion, torch-fidelity),
/// `mu_s` and `sigma_s`, or `m2` and `s2` (denoising-diffusion-pytorch); `count` and `network` if
/// they are there. Other arrays are not unpacked. `DataError` naming `path` if they are missing, of
/// another shape, or not finite.
FeatureStatistics load_statistics(const std::filesystem::path& path);

/// Writes `mu`, `sigma` and `count` as pytorch-fid reads them, and `network`, the bytes of its
/// text, atomically. `DiskError` on failure.
void save_statistics(const std::filesystem::path& path, const FeatureStatistics& statistics);

}  // namespace ddpm
