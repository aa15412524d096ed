#include <algorithm>
#include <array>
#include <cmath>

#include "ddpm/samplers/linear.h"

/// Adams-Bashforth methods: the slope of the probability flow is extrapolated from earlier steps.

namespace ddpm {
namespace {

using Weights = std::array<double, kMaxHistory>;

/// x' from y' = y + sum of weights times slopes.
LinearStep step_along(const Moves& moves, size_t i, const Weights& weights,
                      const OdeCoordinates& ode) {
  const double scale = ode.scale(moves.to(i));
  LinearStep step;
  step.x = scale / ode.scale(moves.from(i));
  for (size_t age = 0; age <= std::min(i, kMaxHistory - 1); ++age)
    add_slope(step, age, ode.slope(moves.from(i - age)), scale * weights[age]);
  return step;
}

/// Integrals of z^n, n = 0 ... 3, over a step in u = sigma / alpha; z is u counted from its start.
Weights moments_in_u(double from, double to) {
  Weights moments;
  for (size_t n = 0; n < kMaxHistory; ++n)
    moments[n] = std::pow(to - from, static_cast<double>(n + 1)) / static_cast<double>(n + 1);
  return moments;
}

/// The same with z = log u counted from its start: by parts, one n from the one before.
Weights moments_in_log_u(double from, double to) {
  const double end = std::log(to / from);
  Weights moments{to - from};
  for (size_t n = 1; n < kMaxHistory; ++n) {
    const auto power = static_cast<double>(n);
    moments[n] = std::pow(end, power) * to - power * moments[n - 1];
  }
  return moments;
}

/// Integrals of the Lagrange polynomials of the first `order` nodes, given those of z^n.
Weights lagrange_integrals(const Weights& nodes, size_t order, const Weights& moments) {
  Weights integrals = {};
  for (size_t k = 0; k < order; ++k) {
    Weights polynomial{1.0};  // coefficients, the constant first
    for (size_t j = 0; j < order; ++j) {
      if (j == k) continue;
      const double width = nodes[k] - nodes[j];
      for (size_t n = kMaxHistory; n-- > 0;)
        polynomial[n] = ((n > 0 ? polynomial[n - 1] : 0.0) - nodes[j] * polynomial[n]) / width;
    }
    for (size_t n = 0; n < kMaxHistory; ++n)
      integrals[k] += polynomial[n] * moments[n];
  }
  return integrals;
}

}  // namespace

/// Liu et al., "Pseudo numerical methods for diffusion models on manifolds", 2022, equation 9, with
/// lower orders in the first steps (Zhang and Chen, 2023), and order 1 to the clean image: earlier
/// slopes, weighted as if steps were even, would leave noise in it.
LinearStep ipndm_rule(const Moves& moves, size_t i) {
  constexpr std::array<Weights, kMaxHistory> kAdamsBashforth{{
      {1.0},
      {3.0 / 2, -1.0 / 2},
      {23.0 / 12, -16.0 / 12, 5.0 / 12},
      {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24},
  }};
  const bool to_clean = moves.to(i).sigma == 0.0;
  const size_t order = to_clean ? 1 : warm_up_order(solver_order(moves.options), i);
  auto weights = kAdamsBashforth[order - 1];
  for (auto& weight : weights)
    weight *= moves.ode.u(moves.to(i)) - moves.ode.u(moves.from(i));
  return step_along(moves, i, weights, moves.ode);
}

/// Zhang and Chen, "Fast sampling of diffusion models with exponential integrator", 2023: the noise
/// prediction as a polynomial in rho = sigma / alpha (solver_type rho: rhoAB) or, as diffusers has
/// it, in log rho. The step to the clean image, where log rho has no value, has order 1.
LinearStep deis_rule(const Moves& moves, size_t i) {
  const bool in_log = moves.options.solver_type != SolverType::kRho;
  const size_t most = solver_order(moves.options);
  const bool to_clean = moves.to(i).sigma == 0.0;
  const size_t order = multistep_order(moves, i, most);
  const double from = moves.from(i).ratio();
  const double to = moves.to(i).ratio();
  Weights nodes = {};
  for (size_t k = 1; k < order; ++k) {
    const double node = moves.from(i - k).ratio();
    nodes[k] = in_log ? std::log(node / from) : node - from;
  }
  const bool log_moments = in_log && !to_clean;
  const auto moments = log_moments ? moments_in_log_u(from, to) : moments_in_u(from, to);
  // sigma / alpha is the coordinate of flow as well here.
  return step_along(moves, i, lagrange_integrals(nodes, order, moments), ratio_coordinates());
}

}  // namespace ddpm
