#include <algorithm>
#include <cmath>
#include <numbers>

#include <torch/types.h>

#include "ddpm/samplers/linear.h"

/// Karras et al., "Elucidating the design space of diffusion-based generative models", 2022,
/// algorithm 2: noise is added to reach a higher level (churn), then one step of the probability
/// flow. Without churn these are plain Euler and Heun. The step to the clean image is Euler's: a
/// slope there knows nothing of the noise that is left, and would keep half of it.

namespace ddpm {
namespace {

/// One step: the level it really starts from, and the weights of both halves.
struct ChurnStep {
  NoiseLevel start;
  LinearStep lift;  // from the step's own level to `start`
  LinearStep euler;
  LinearStep heun;  // of x at `start`, with the slope at the end as the newest prediction
};

NoiseLevel churned(const SamplerInputs& in, const NoiseLevel& level) {
  const auto& options = in.options;
  const double ratio = level.ratio();
  if (options.s_churn == 0 || ratio < options.s_tmin || ratio > options.s_tmax) return level;
  const double share = options.s_churn / static_cast<double>(in.levels.size() - 1);
  auto start = in.process.level_of_ratio(ratio * (1.0 + std::min(share, std::numbers::sqrt2 - 1)));
  start.progress = level.progress;
  return start;
}

ChurnStep churn_step(const SamplerInputs& in, size_t i) {
  const auto& from = in.levels[i];
  const auto& to = in.levels[i + 1];
  const auto& ode = in.process.ode();
  ChurnStep step{.start = churned(in, from), .lift = {}, .euler = {}, .heun = {}};
  if (step.start.sigma != from.sigma) {
    const double added = std::pow(step.start.ratio(), 2) - std::pow(from.ratio(), 2);
    step.lift.x = step.start.alpha / from.alpha;
    step.lift.noise = step.start.alpha * std::sqrt(added) * in.options.s_noise;
  }
  const double move = ode.scale(to) * (ode.u(to) - ode.u(step.start));
  step.euler.x = step.heun.x = ode.scale(to) / ode.scale(step.start);
  const auto slope = ode.slope(step.start);
  add_slope(step.euler, 0, slope, move);
  add_slope(step.heun, 0, ode.slope(to), move / 2);
  add_slope(step.heun, 1, slope, move / 2);
  return step;
}

torch::Tensor run(const SamplerInputs& in, torch::Tensor x, bool second_order) {
  std::vector<ChurnStep> steps;
  for (size_t i = 0; i + 1 < in.levels.size(); ++i)
    steps.push_back(churn_step(in, i));
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    const auto number = static_cast<int64_t>(i);
    in.on_step(number);
    if (step.lift.noise != 0.0) x = apply(step.lift, x, {}, in.noise(number));
    History history{in.denoise(x, step.start)};
    const auto& to = in.levels[i + 1];
    auto next = apply(step.euler, x, history, {});
    if (second_order && to.sigma > 0) {
      in.on_step(number);
      history.push_front(in.denoise(next, to));
      next = apply(step.heun, x, history, {});
    }
    x = next;
  }
  return x;
}

/// Without churn Euler's step is that of DDIM without noise, which allows alpha = 0 as well.
LinearStep plain_euler_rule(const Moves& moves, size_t i) {
  LinearStep step;
  step.x0[0] = moves.to(i).alpha;
  step.eps[0] = moves.to(i).sigma;
  return step;
}

}  // namespace

torch::Tensor run_euler(const SamplerInputs& inputs, torch::Tensor x) {
  if (inputs.options.s_churn == 0) return run_linear(plain_euler_rule, inputs, x);
  return run(inputs, std::move(x), false);
}

torch::Tensor run_heun(const SamplerInputs& inputs, torch::Tensor x) {
  return run(inputs, std::move(x), true);
}

}  // namespace ddpm
