#include "ddpm/eval/subsets.h"

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {

torch::Tensor random_subset(uint64_t seed, uint64_t index, int64_t count, int64_t size) {
  if (count < size) {
    throw DataError("features: expected at least ", size, " images for a subset, got ", count);
  }
  const auto order = random_permutation({seed, RandomPurpose::kEvaluationSubset, index}, count);
  return torch::tensor(order, torch::kInt64).narrow(0, 0, size).clone();
}

}  // namespace ddpm
