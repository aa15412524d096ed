#include "ddpm/eval/inception_score.h"

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

/// exp of the mean divergence of the rows' distributions from their mean.
torch::Tensor score(const torch::Tensor& logits) {
  const auto log_p = logits.log_softmax(1);
  const auto p = log_p.exp();
  const auto log_mean = p.mean(0, /*keepdim=*/true).log();
  const auto terms = torch::where(p > 0, p * (log_p - log_mean), torch::zeros_like(p));
  return terms.sum(1).mean().exp();
}

}  // namespace

InceptionScore inception_score(const torch::Tensor& logits, int64_t splits) {
  const int64_t rows = logits.size(0);
  if (splits < 1 || rows < splits) {
    throw DataError("inception score: expected at least ", splits, " images for ", splits,
                    " splits, got ", rows);
  }
  const auto scores = torch::empty({splits}, torch::kFloat64);
  for (int64_t i = 0; i < splits; ++i) {
    const int64_t first = i * rows / splits;
    const int64_t end = (i + 1) * rows / splits;
    scores[i] = score(logits.narrow(0, first, end - first).to(torch::kFloat64));
  }
  return {scores.mean().item<double>(), scores.std(/*unbiased=*/false).item<double>()};
}

}  // namespace ddpm
