#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// Predictions that a step can look back on, its own included.
inline constexpr size_t kMaxHistory = 4;

/// A step that is a weighted sum: of x, of the predictions so far, the newest first, and of noise.
struct LinearStep {
  double x = 0.0;
  std::array<double, kMaxHistory> x0 = {};
  std::array<double, kMaxHistory> eps = {};
  double noise = 0.0;
};

/// The steps of a run, as a rule sees them: step i leads from levels[i] to levels[i + 1].
struct Moves {
  const SampleConfig& options;
  const OdeCoordinates& ode;
  std::span<const NoiseLevel> levels;

  size_t count() const { return levels.size() - 1; }
  /// Steps from step i on, that without length counted which `sampling_levels` leaves out.
  size_t left(size_t i) const {
    const bool one_left_out =
        options.final_sigmas_type == FinalSigma::kSigmaMin && std::cmp_less(count(), options.steps);
    return count() - i + (one_left_out ? 1 : 0);
  }
  const NoiseLevel& from(size_t i) const { return levels[i]; }
  const NoiseLevel& to(size_t i) const { return levels[i + 1]; }
};

/// The weights of step i.
using LinearRule = LinearStep (*)(const Moves& moves, size_t i);

/// The predictions so far, the newest first.
using History = std::deque<Prediction>;

/// The step applied to `x`. `noise` may be undefined if its weight is 0.
torch::Tensor apply(const LinearStep& step, const torch::Tensor& x, const History& history,
                    const torch::Tensor& noise);

/// Walks from the first level to the last, one network call a step. All weights are made before.
torch::Tensor run_linear(LinearRule rule, const SamplerInputs& inputs, const torch::Tensor& x);

/// The order that step i can have: at most `order`, and no more than there are predictions.
inline size_t warm_up_order(size_t order, size_t i) {
  return std::min(order, i + 1);
}

/// `options.order`, or the usual one of the sampler where that is 0.
size_t solver_order(const SampleConfig& options);

/// The order of step i by diffusers' rule for DPM-Solver and DEIS: that of the warm-up; 1 in the
/// step to a clean image; and with `lower_order_final` and fewer than 15 steps, no more than there
/// are steps left.
size_t multistep_order(const Moves& moves, size_t i, size_t order);

/// Adds `weight` times the slope of an ODE to a step, by the prediction that is `age` steps old.
void add_slope(LinearStep& step, size_t age, const Slope& slope, double weight);

// The rules, by source file. ancestral.cpp:
LinearStep ddim_rule(const Moves& moves, size_t i);
LinearStep ddpm_rule(const Moves& moves, size_t i);
LinearStep euler_ancestral_rule(const Moves& moves, size_t i);
// multistep.cpp:
LinearStep dpmpp_rule(const Moves& moves, size_t i);
LinearStep dpmpp_sde_rule(const Moves& moves, size_t i);
// adams.cpp:
LinearStep ipndm_rule(const Moves& moves, size_t i);
LinearStep deis_rule(const Moves& moves, size_t i);

// Samplers that are no plain sequence of linear steps:
torch::Tensor run_ddpm_learned(const SamplerInputs& inputs, torch::Tensor x);  // ancestral.cpp
torch::Tensor run_euler(const SamplerInputs& inputs, torch::Tensor x);         // heun.cpp
torch::Tensor run_heun(const SamplerInputs& inputs, torch::Tensor x);
torch::Tensor run_unipc(const SamplerInputs& inputs, torch::Tensor x);  // unipc.cpp

}  // namespace ddpm
