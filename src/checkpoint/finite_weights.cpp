#include "ddpm/checkpoint/finite_weights.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

bool is_finite(const torch::Tensor& tensor) {
  if (!tensor.is_floating_point()) return true;
  // The sum is one pass without memory; only a sum beyond float32 needs the second look.
  return std::isfinite(tensor.sum(torch::kFloat32).item<float>()) ||
         tensor.isfinite().all().item<bool>();
}

}  // namespace

void check_finite_weights(const NamedTensors& tensors, const std::string& origin) {
  for (const auto& [name, tensor] : tensors)
    if (!is_finite(tensor))
      throw CheckpointError(origin, ": tensor ", name,
                            " is not finite: it holds NaN or infinity, so training had diverged or "
                            "the file is damaged; take an earlier checkpoint");
}

}  // namespace ddpm
