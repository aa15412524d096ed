#pragma once

#include <cstdint>

#include <torch/types.h>

namespace ddpm {

/// Mean and standard deviation over splits.
struct InceptionScore {
  double mean = 0.0;
  double deviation = 0.0;  // divisor: number of splits
};

/// exp E KL(p(y|x) || p(y)) (Salimans et al., "Improved techniques for training GANs", 2016) over
/// `splits` runs of neighbouring rows of logits [N, K], in float64. The order matters: shuffle rows
/// that are sorted (`random_subset` of all of them). `DataError` for fewer rows than splits.
InceptionScore inception_score(const torch::Tensor& logits, int64_t splits = 10);

}  // namespace ddpm
