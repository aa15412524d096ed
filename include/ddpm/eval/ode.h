#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

namespace ddpm {

/// dy/ds of M rows y [M, K] float64, each at its own s [M] float64 on the CPU. `rows` [M] int64 on
/// the CPU says which rows of the start they are, as rows that have arrived are left out.
using OdeFunction = std::function<torch::Tensor(const torch::Tensor& y, const torch::Tensor& s,
                                                const torch::Tensor& rows)>;

enum class OdeSolver { kRk45, kHeun };

struct OdeOptions {
  OdeSolver solver = OdeSolver::kRk45;
  double rtol = 1e-5;  // of rk45: a step's error is below atol + rtol |y|, as root mean square
  double atol = 1e-5;
  int64_t steps = 64;  // of heun
  double rho = 1.0;    // of heun: its steps are even in s^(1/rho)
  /// Columns of y from this one on are measured apart from those before, so that a few of them
  /// count as much as the many; 0 measures all together.
  int64_t split = 0;
};

struct OdeResult {
  torch::Tensor y;             // [M, K] at the end
  std::vector<int64_t> calls;  // of the function, for each row
};

/// Called after each step with the share of the way, in [0, 1], of the row that is furthest behind.
using OdeObserver = std::function<void(double done)>;

/// Integrates each row of `start` [M, K] from s = `from` to s = `to` > `from`.
///
/// rk45 is Dormand and Prince's pair of orders 5 and 4 (1980). Each row has its own steps, so that
/// its end does not depend on its neighbours. `UserError` if a row's steps become so small that
/// they do not move s, or its values are not finite. heun is the trapezoidal rule of two calls a
/// step (order 2) on a fixed grid.
OdeResult integrate(
    const OdeFunction& derivative, const torch::Tensor& start, double from, double to,
    const OdeOptions& options, const OdeObserver& on_step = [](double) {});

}  // namespace ddpm
