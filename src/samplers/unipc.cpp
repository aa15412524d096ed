#include <cmath>

#include <torch/types.h>

#include "ddpm/samplers/linear.h"

/// Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion
/// models", 2023, for image predictions.

namespace ddpm {
namespace {

using Weights = std::array<double, kMaxHistory>;

/// Solves sum_k r_k^(n) w_k = b_n for n = 0 ... size-1, by Gauss elimination; sizes are tiny and
/// the r_k differ.
Weights solve_vandermonde(const Weights& r, const Weights& b, size_t size) {
  std::array<Weights, kMaxHistory> rows = {};
  Weights right = b;
  for (size_t n = 0; n < size; ++n)
    for (size_t k = 0; k < size; ++k)
      rows[n][k] = std::pow(r[k], static_cast<double>(n));
  for (size_t pivot = 0; pivot < size; ++pivot) {
    for (size_t n = pivot + 1; n < size; ++n) {
      const double factor = rows[n][pivot] / rows[pivot][pivot];
      for (size_t k = pivot; k < size; ++k)
        rows[n][k] -= factor * rows[pivot][k];
      right[n] -= factor * right[pivot];
    }
  }
  Weights w = {};
  for (size_t n = size; n-- > 0;) {
    double rest = right[n];
    for (size_t k = n + 1; k < size; ++k)
      rest -= rows[n][k] * w[k];
    w[n] = rest / rows[n][n];
  }
  return w;
}

/// What predictor and corrector of one step share. Differences are D_k = (m_k - m_0) / r_k, of
/// which the corrector has one more, that of the prediction at the end, with r = 1.
struct UniPcStep {
  size_t order;
  double x;  // weights of the first-order step
  double m0;
  double factor;  // alpha B(h)
  Weights r = {};
  Weights b = {};

  UniPcStep(const Moves& moves, size_t i, size_t step_order)
      : order(step_order),
        x(moves.to(i).sigma / moves.from(i).sigma) {
    const double lambda = moves.from(i).lambda();
    const double h = moves.to(i).lambda() - lambda;
    const double phi_1 = std::expm1(-h);
    const bool bh1 = moves.options.solver_type == SolverType::kBh1;
    m0 = -moves.to(i).alpha * phi_1;
    factor = bh1 ? -moves.to(i).alpha * h : moves.to(i).alpha * phi_1;
    for (size_t k = 1; k < order; ++k)
      r[k - 1] = (moves.from(i - k).lambda() - lambda) / h;
    r[order - 1] = 1.0;
    double phi = phi_1 / -h - 1.0;
    double factorial = 1.0;
    for (size_t n = 0; n < order; ++n) {
      b[n] = phi * factorial / (bh1 ? -h : phi_1);
      factorial *= static_cast<double>(n + 2);
      phi = phi / -h - 1.0 / factorial;
    }
  }

  LinearStep predictor() const {
    LinearStep step;
    step.x = x;
    step.x0[0] = m0;
    if (order == 1) return step;
    const auto rho = order == 2 ? Weights{0.5} : solve_vandermonde(r, b, order - 1);
    for (size_t k = 1; k < order; ++k)
      add_difference(step, k, 0, rho[k - 1] / r[k - 1]);
    return step;
  }

  /// Of x at the start of the step, with the prediction at its end as the newest of the history.
  LinearStep corrector() const {
    LinearStep step;
    step.x = x;
    step.x0[1] = m0;
    const auto rho = order == 1 ? Weights{0.5} : solve_vandermonde(r, b, order);
    for (size_t k = 1; k < order; ++k)
      add_difference(step, k + 1, 1, rho[k - 1] / r[k - 1]);
    add_difference(step, 0, 1, rho[order - 1]);
    return step;
  }

 private:
  void add_difference(LinearStep& step, size_t age, size_t base, double weight) const {
    step.x0[age] -= factor * weight;
    step.x0[base] += factor * weight;
  }
};

size_t unipc_order(const Moves& moves, size_t i, size_t order) {
  const size_t left = moves.count() - i;
  const double end = moves.to(i).sigma;
  if (left == 1 && (end == 0.0 || end == moves.from(i).sigma)) return 1;
  return warm_up_order(moves.options.lower_order_final ? std::min(order, left) : order, i);
}

}  // namespace

torch::Tensor run_unipc(const SamplerInputs& inputs, torch::Tensor x) {
  const Moves moves{inputs.options, inputs.process.ode(), inputs.levels};
  const size_t order = solver_order(inputs.options);
  std::vector<LinearStep> predictors;
  std::vector<LinearStep> correctors;  // the last step has none
  for (size_t i = 0; i < moves.count(); ++i) {
    const UniPcStep step(moves, i, unipc_order(moves, i, order));
    predictors.push_back(step.predictor());
    if (i + 1 < moves.count()) correctors.push_back(step.corrector());
  }
  History history;
  torch::Tensor before;  // x at the start of the step before
  for (size_t i = 0; i < moves.count(); ++i) {
    inputs.on_step(static_cast<int64_t>(i));
    history.push_front(inputs.denoise(x, moves.from(i)));
    if (history.size() > kMaxHistory) history.pop_back();
    if (i > 0) x = apply(correctors[i - 1], before, history, {});
    before = x;
    x = apply(predictors[i], x, history, {});
  }
  return x;
}

}  // namespace ddpm
