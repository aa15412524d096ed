#include <cmath>

#include "ddpm/samplers/linear.h"

/// DPM-Solver++ (Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion
/// probabilistic models", 2022): the exact solution in lambda = ln(alpha / sigma) for image
/// predictions that are a polynomial in lambda.

namespace ddpm {
namespace {

/// The image prediction at the start of a step and its divided differences, as weights of the
/// predictions, the newest first. With h the length of the step, D1 is h m', D2 is h^2 m'' / 2.
struct Differences {
  std::array<double, kMaxHistory> first = {};
  std::array<double, kMaxHistory> second = {};
};

double lambda_step(const Moves& moves, size_t i) {
  return moves.to(i).lambda() - moves.from(i).lambda();
}

Differences differences(const Moves& moves, size_t i, size_t order) {
  Differences d;
  if (order < 2) return d;
  const double h = lambda_step(moves, i);
  const double r0 = lambda_step(moves, i - 1) / h;
  d.first = {1.0 / r0, -1.0 / r0};
  if (order < 3) return d;
  const double r1 = lambda_step(moves, i - 2) / h;
  const std::array<double, 3> newer{1.0 / r0, -1.0 / r0, 0.0};
  const std::array<double, 3> older{0.0, 1.0 / r1, -1.0 / r1};
  for (size_t k = 0; k < 3; ++k) {
    const double change = newer[k] - older[k];
    d.first[k] = newer[k] + r0 / (r0 + r1) * change;
    d.second[k] = change / (r0 + r1);
  }
  return d;
}

/// A step of the ODE, or with `noisy` of the reverse SDE, whose phi functions are those of 2h.
LinearStep dpmpp(const Moves& moves, size_t i, bool noisy) {
  const size_t order = multistep_order(moves, i, solver_order(moves.options));
  const auto& to = moves.to(i);
  const double h = lambda_step(moves, i);
  const double reach = noisy ? 2.0 * h : h;
  const double phi_1 = std::expm1(-reach);
  LinearStep step;
  step.x = to.sigma / moves.from(i).sigma * (noisy ? std::exp(-h) : 1.0);
  step.x0[0] = -to.alpha * phi_1;
  if (noisy && to.sigma > 0) step.noise = to.sigma * std::sqrt(-std::expm1(-2.0 * h));
  if (order == 1) return step;
  const double phi_2 = phi_1 / reach + 1.0;
  const double phi_3 = phi_2 / reach - 0.5;
  const bool midpoint = order == 2 && moves.options.solver_type != SolverType::kHeun;
  const auto d = differences(moves, i, order);
  for (size_t k = 0; k < order; ++k) {
    step.x0[k] += to.alpha * (midpoint ? -0.5 * phi_1 : phi_2) * d.first[k];
    step.x0[k] -= to.alpha * phi_3 * d.second[k];
  }
  return step;
}

}  // namespace

LinearStep dpmpp_rule(const Moves& moves, size_t i) {
  return dpmpp(moves, i, false);
}

LinearStep dpmpp_sde_rule(const Moves& moves, size_t i) {
  return dpmpp(moves, i, true);
}

}  // namespace ddpm
