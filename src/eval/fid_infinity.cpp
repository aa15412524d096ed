#include "ddpm/eval/fid_infinity.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/eval/subsets.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int64_t kUsualSmallest = 5000;

std::vector<int64_t> subset_sizes(int64_t images, const FidInfinityOptions& options) {
  const int64_t usual = images >= 2 * kUsualSmallest ? kUsualSmallest : images / 2;
  const int64_t smallest = options.smallest > 0 ? options.smallest : usual;
  if (options.sizes < 2 || smallest < 2 || images - smallest < options.sizes) {
    throw DataError("FID infinity: expected ", options.sizes, " sizes from ", smallest,
                    " to the number of images, got ", images, " images");
  }
  std::vector<int64_t> sizes;
  const double step =
      static_cast<double>(images - smallest) / static_cast<double>(options.sizes - 1);
  for (int64_t i = 0; i < options.sizes; ++i)
    sizes.push_back(smallest + std::llround(static_cast<double>(i) * step));
  return sizes;
}

/// Least squares over 1 / N.
void fit_line(FidInfinity& result) {
  const auto x = torch::tensor(result.sizes, torch::kFloat64).reciprocal();
  const auto y = torch::tensor(result.distances, torch::kFloat64);
  const auto dx = x - x.mean();
  const auto dy = y - y.mean();
  const auto joint = (dx * dy).sum();
  const auto slope = joint / dx.square().sum();
  result.slope = slope.item<double>();
  result.value = (y.mean() - slope * x.mean()).item<double>();
  const auto scale = (dx.square().sum() * dy.square().sum()).sqrt().item<double>();
  result.correlation = scale > 0 ? joint.item<double>() / scale : 0.0;
}

}  // namespace

FidInfinity fid_infinity(const torch::Tensor& features, const FrechetDistance& reference,
                         const FidInfinityOptions& options) {
  FidInfinity result;
  result.sizes = subset_sizes(features.size(0), options);
  for (size_t i = 0; i < result.sizes.size(); ++i) {
    const auto rows = random_subset(options.seed, i, features.size(0), result.sizes[i]);
    result.distances.push_back(
        reference.to(feature_statistics(features.index_select(0, rows.to(features.device())))));
  }
  fit_line(result);
  return result;
}

}  // namespace ddpm
