#include <algorithm>
#include <cmath>

#include <torch/types.h>

#include "ddpm/samplers/linear.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

double square(double x) {
  return x * x;
}

/// q(x' | x, x0) from a level to a cleaner one: Ho et al., 2020, equations 6 and 7, for any alpha
/// and sigma.
struct Posterior {
  double x;  // weights of the mean
  double x0;
  double large;  // variance of q(x | x'): beta of the steps that are kept
  double small;  // variance of q(x' | x, x0)

  Posterior(const NoiseLevel& from, const NoiseLevel& to) {
    const double alpha = from.alpha / to.alpha;
    large = square(from.sigma) - square(alpha * to.sigma);
    x = alpha * square(to.sigma / from.sigma);
    x0 = to.alpha * large / square(from.sigma);
    small = large * square(to.sigma / from.sigma);
  }
};

}  // namespace

/// Song et al., "Denoising diffusion implicit models", 2021, equation 12. In terms of the ratio
/// r = sigma / alpha the added noise is eta alpha' r' sqrt(1 - (r' / r)^2).
LinearStep ddim_rule(const Moves& moves, size_t i) {
  const auto& from = moves.from(i);
  const auto& to = moves.to(i);
  LinearStep step;
  step.noise = moves.options.eta * to.sigma * std::sqrt(1.0 - square(to.ratio() / from.ratio()));
  step.x0[0] = to.alpha;
  step.eps[0] = std::sqrt(std::max(0.0, square(to.sigma) - square(step.noise)));
  return step;
}

LinearStep ddpm_rule(const Moves& moves, size_t i) {
  const Posterior posterior(moves.from(i), moves.to(i));
  LinearStep step;
  step.x = posterior.x;
  step.x0[0] = posterior.x0;
  const bool large = moves.options.variance_type == VarianceType::kFixedLarge;
  if (moves.to(i).sigma > 0) step.noise = std::sqrt(large ? posterior.large : posterior.small);
  return step;
}

/// Euler's step down to less noise than the next level has, and noise up to it (k-diffusion).
LinearStep euler_ancestral_rule(const Moves& moves, size_t i) {
  const auto& to = moves.to(i);
  const double up = std::sqrt(1.0 - square(to.ratio() / moves.from(i).ratio()));
  LinearStep step;
  step.x0[0] = to.alpha;
  step.eps[0] = to.sigma * std::sqrt(1.0 - square(up));
  step.noise = to.sigma * up;
  return step;
}

/// Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, equation 15: the
/// network's second half v in [-1, 1] chooses between the logarithms of both variances.
torch::Tensor run_ddpm_learned(const SamplerInputs& inputs, torch::Tensor x) {
  const Moves moves{inputs.options, inputs.process.ode(), inputs.levels};
  for (size_t i = 0; i < moves.count(); ++i) {
    const auto number = static_cast<int64_t>(i);
    inputs.on_step(number);
    const auto prediction = inputs.denoise(x, moves.from(i));
    if (!prediction.variance.defined())
      throw UserError(
          "sample.variance_type learned_range: the model predicts no variance; expected "
          "fixed_small or fixed_large");
    const Posterior posterior(moves.from(i), moves.to(i));
    x = posterior.x0 * prediction.x0 + posterior.x * x;
    if (moves.to(i).sigma == 0.0) continue;
    const double low = std::log(posterior.small);
    const double high = std::log(posterior.large);
    const auto share = (prediction.variance + 1.0) / 2.0;
    x = x + torch::exp(0.5 * (low + share * (high - low))) * inputs.noise(number);
  }
  return x;
}

}  // namespace ddpm
