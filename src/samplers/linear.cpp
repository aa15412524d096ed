#include "ddpm/samplers/linear.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/config/sampler_traits.h"

namespace ddpm {
namespace {

/// diffusers lowers the order of the last steps only in runs shorter than this.
constexpr size_t kShortRun = 15;

void add(torch::Tensor& sum, const torch::Tensor& term, double weight) {
  if (weight == 0.0) return;
  sum = sum.defined() ? sum.add_(term, weight) : term * weight;
}

}  // namespace

torch::Tensor apply(const LinearStep& step, const torch::Tensor& x, const History& history,
                    const torch::Tensor& noise) {
  torch::Tensor sum;
  for (size_t age = 0; age < history.size(); ++age)
    add(sum, history[age].x0, step.x0[age]);
  for (size_t age = 0; age < history.size(); ++age)
    add(sum, history[age].eps, step.eps[age]);
  add(sum, x, step.x);
  if (noise.defined()) add(sum, noise, step.noise);
  return sum;
}

torch::Tensor run_linear(LinearRule rule, const SamplerInputs& inputs, const torch::Tensor& x) {
  const Moves moves{inputs.options, inputs.process.ode(), inputs.levels};
  std::vector<LinearStep> steps;
  for (size_t i = 0; i < moves.count(); ++i)
    steps.push_back(rule(moves, i));
  History history;
  auto state = x;
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    inputs.on_step(number);
    history.push_front(inputs.denoise(state, moves.from(i)));
    if (history.size() > kMaxHistory) history.pop_back();
    const auto noise = steps[i].noise != 0.0 ? inputs.noise(number) : torch::Tensor();
    state = apply(steps[i], state, history, noise);
  }
  return state;
}

size_t solver_order(const SampleConfig& options) {
  const int64_t usual = traits_of(options.sampler).usual_order;
  return static_cast<size_t>(options.order == 0 ? usual : options.order);
}

size_t multistep_order(const Moves& moves, size_t i, size_t order) {
  const size_t left = moves.left(i);
  const bool lowered = moves.options.lower_order_final && moves.left(0) < kShortRun;
  if (left == 1 && moves.to(i).sigma == 0.0) return 1;
  return warm_up_order(lowered ? std::min(order, left) : order, i);
}

void add_slope(LinearStep& step, size_t age, const Slope& slope, double weight) {
  step.x0[age] += weight * slope.x0;
  step.eps[age] += weight * slope.eps;
}

}  // namespace ddpm
