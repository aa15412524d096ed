#include "ddpm/kernels/muon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/kernels/gradient_scale.h"

namespace ddpm {
namespace {

/// What lies dense in memory, first dimension outermost, as [R, C].
torch::Tensor as_matrix(const torch::Tensor& dense) {
  const int64_t rows = dense.size(0);
  const int64_t columns = dense.numel() / rows;
  return dense.as_strided({rows, columns}, {columns, 1});
}

/// As matrices, by their shape: those of one shape are made orthogonal in one batch.
std::map<std::pair<int64_t, int64_t>, std::vector<GradientPart>> group_by_shape(
    const std::vector<GradientPart>& gradients) {
  std::map<std::pair<int64_t, int64_t>, std::vector<GradientPart>> groups;
  for (const auto& [gradient, offset] : gradients) {
    const auto matrix = as_matrix(gradient);
    groups[{matrix.size(0), matrix.size(1)}].push_back({matrix, offset});
  }
  return groups;
}

}  // namespace

torch::Tensor orthogonalize(const torch::Tensor& matrices) {
  const bool tall = matrices.size(1) > matrices.size(2);
  auto x = tall ? matrices.transpose(1, 2).contiguous() : matrices;
  x = x / torch::linalg_vector_norm(x, 2, at::IntArrayRef{1, 2}, /*keepdim=*/true).clamp_min(1e-7);
  for (int i = 0; i < 5; ++i) {
    const auto gram = torch::bmm(x, x.transpose(1, 2));
    const auto polynomial = torch::baddbmm(gram, gram, gram, /*beta=*/-4.7750, /*alpha=*/2.0315);
    x = torch::baddbmm(x, polynomial, x, /*beta=*/3.4445, /*alpha=*/1.0);
  }
  return tall ? x.transpose(1, 2) : x;
}

void muon_step(const AdamTensors& tensors, const std::vector<GradientPart>& gradients,
               const MuonOptions& options) {
  RECORD_FUNCTION("ddpm::muon", std::vector<c10::IValue>());
  const at::DisableRecordFunctionGuard as_one;  // in a profile
  const torch::NoGradGuard no_grad;
  const auto scale = gradient_scale(options.norm, options.max_grad_norm, options.loss);
  const auto counts = scale.finite.to(torch::kFloat32);  // all that changes is multiplied by it
  for (const auto& [shape, matrices] : group_by_shape(gradients)) {
    const auto [rows, columns] = shape;
    const auto view = [&, r = rows, c = columns](const torch::Tensor& flat,
                                                 const GradientPart& matrix) {
      return flat.narrow(0, matrix.offset, r * c).view({r, c});
    };
    std::vector<torch::Tensor> updates;
    for (const auto& matrix : matrices) {
      const auto scaled = matrix.gradient.to(torch::kFloat32) * scale.factor;
      const auto gradient = torch::where(scale.finite, scaled, 0);
      const auto momentum = view(tensors.exp_avg, matrix);
      momentum.lerp_(gradient, counts * (1.0 - options.momentum));
      updates.push_back(gradient.lerp(momentum, options.momentum));
    }
    const auto steps = orthogonalize(torch::stack(updates));
    const double rate = options.lr * 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    for (size_t i = 0; i < matrices.size(); ++i) {
      const auto weights = view(tensors.weights, matrices[i]);
      weights.sub_(
          (weights * (options.lr * options.weight_decay) + steps[static_cast<int64_t>(i)] * rate) *
          counts);
      view(tensors.ema, matrices[i]).lerp_(weights, (1.0 - options.ema_decay) * counts);
      if (tensors.bf16_weights.defined()) view(tensors.bf16_weights, matrices[i]).copy_(weights);
    }
  }
}

}  // namespace ddpm
