#include "ddpm/eval/kernel_distance.h"

#include <functional>

#include <torch/types.h>

#include "ddpm/eval/subsets.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

torch::Tensor kernel(const torch::Tensor& a, const torch::Tensor& b) {
  return (torch::matmul(a, b.t()) / static_cast<double>(a.size(1)) + 1.0).pow(3);
}

/// Mean of the kernel over pairs of different vectors.
torch::Tensor mean_within(const torch::Tensor& a) {
  const auto k = kernel(a, a);
  const auto pairs = static_cast<double>(a.size(0)) * static_cast<double>(a.size(0) - 1);
  return (k.sum() - k.trace()) / pairs;
}

void check_dimensions(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.size(1) != b.size(1)) {
    throw DataError("features: expected the reference's ", b.size(1), " dimensions, got ",
                    a.size(1));
  }
}

KernelDistance over_subsets(const torch::Tensor& generated, const torch::Tensor& reference,
                            int64_t count, const std::function<SubsetPair(int64_t)>& subset) {
  check_dimensions(generated, reference);
  const auto pick = [](const torch::Tensor& rows, const torch::Tensor& index) {
    return rows.index_select(0, index.to(rows.device())).to(torch::kFloat64);
  };
  const auto distances = torch::empty({count}, torch::kFloat64);
  for (int64_t i = 0; i < count; ++i) {
    const SubsetPair pair = subset(i);
    distances[i] = squared_mmd(pick(generated, pair.generated), pick(reference, pair.reference));
  }
  return {distances.mean().item<double>(), distances.std(/*unbiased=*/false).item<double>()};
}

}  // namespace

double squared_mmd(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a.to(torch::kFloat64);
  const auto y = b.to(torch::kFloat64);
  return (mean_within(x) + mean_within(y) - 2.0 * kernel(x, y).mean()).item<double>();
}

KernelDistance kernel_distance(const torch::Tensor& generated, const torch::Tensor& reference,
                               const KernelDistanceOptions& options) {
  if (options.subsets < 1 || options.subset_size < 2) {
    throw UserError("kernel distance: expected subsets of at least 2 images, got ", options.subsets,
                    " of ", options.subset_size);
  }
  return over_subsets(generated, reference, options.subsets, [&](int64_t i) -> SubsetPair {
    const auto index = 2 * static_cast<uint64_t>(i);
    return {random_subset(options.seed, index, generated.size(0), options.subset_size),
            random_subset(options.seed, index + 1, reference.size(0), options.subset_size)};
  });
}

KernelDistance kernel_distance(const torch::Tensor& generated, const torch::Tensor& reference,
                               const std::vector<SubsetPair>& subsets) {
  return over_subsets(generated, reference, static_cast<int64_t>(subsets.size()),
                      [&](int64_t i) { return subsets[static_cast<size_t>(i)]; });
}

}  // namespace ddpm
