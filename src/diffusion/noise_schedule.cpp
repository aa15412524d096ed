#include "ddpm/diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace ddpm {
namespace {

using Betas = std::vector<double>;

double linspace(double first, double last, int64_t i, int64_t count) {
  if (count == 1) return first;
  return first + (last - first) * static_cast<double>(i) / static_cast<double>(count - 1);
}

/// Ho et al., 2020.
Betas linear(const DiffusionConfig& config) {
  Betas betas;
  for (int64_t i = 0; i < config.num_train_timesteps; ++i)
    betas.push_back(linspace(config.beta_start, config.beta_end, i, config.num_train_timesteps));
  return betas;
}

/// Linear in the root of beta; Rombach et al., 2022.
Betas scaled_linear(const DiffusionConfig& config) {
  Betas betas;
  for (int64_t i = 0; i < config.num_train_timesteps; ++i) {
    const double root = linspace(std::sqrt(config.beta_start), std::sqrt(config.beta_end), i,
                                 config.num_train_timesteps);
    betas.push_back(root * root);
  }
  return betas;
}

/// Nichol and Dhariwal, 2021, equation 17; betas are capped at 0.999.
Betas squared_cosine(const DiffusionConfig& config) {
  const auto steps = static_cast<double>(config.num_train_timesteps);
  const auto alpha_bar = [](double u) {
    const double c = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2.0);
    return c * c;
  };
  Betas betas;
  for (int64_t i = 0; i < config.num_train_timesteps; ++i) {
    const auto t = static_cast<double>(i);
    betas.push_back(std::min(1.0 - alpha_bar((t + 1) / steps) / alpha_bar(t / steps), 0.999));
  }
  return betas;
}

/// The logistic function from -6 to 6, as in diffusers and GeoDiff (Xu et al., 2022).
Betas sigmoid(const DiffusionConfig& config) {
  Betas betas;
  for (int64_t i = 0; i < config.num_train_timesteps; ++i) {
    const double x = linspace(-6.0, 6.0, i, config.num_train_timesteps);
    const double share = 1.0 / (1.0 + std::exp(-x));
    betas.push_back(config.beta_start + share * (config.beta_end - config.beta_start));
  }
  return betas;
}

/// 1/T, 1/(T-1), ..., 1: alpha_bar falls linearly to 0 (Sohl-Dickstein et al., 2015).
Betas jsd(const DiffusionConfig& config) {
  Betas betas;
  for (int64_t left = config.num_train_timesteps; left > 0; --left)
    betas.push_back(1.0 / static_cast<double>(left));
  return betas;
}

std::vector<double> alpha_bars_of(const Betas& betas) {
  std::vector<double> alpha_bars;
  double product = 1.0;
  for (const double beta : betas)
    alpha_bars.push_back(product *= 1.0 - beta);
  return alpha_bars;
}

Betas rescaled_to_zero_snr(const Betas& betas) {
  const auto alpha_bars = alpha_bars_of(betas);
  const double first = std::sqrt(alpha_bars.front());
  const double last = std::sqrt(alpha_bars.back());
  Betas rescaled;
  double before = 1.0;
  for (const double alpha_bar : alpha_bars) {
    const double root = (std::sqrt(alpha_bar) - last) * (first / (first - last));
    rescaled.push_back(1.0 - root * root / before);
    before = root * root;
  }
  return rescaled;
}

constexpr std::pair<BetaSchedule, Betas (*)(const DiffusionConfig&)> kSchedules[] = {
    {BetaSchedule::kLinear, linear},
    {BetaSchedule::kScaledLinear, scaled_linear},
    {BetaSchedule::kCosine, squared_cosine},
    {BetaSchedule::kSigmoid, sigmoid},
    {BetaSchedule::kJsd, jsd},
};

Betas named_betas(const DiffusionConfig& config) {
  const auto* const row =
      std::ranges::find(kSchedules, config.beta_schedule,
                        &std::pair<BetaSchedule, Betas (*)(const DiffusionConfig&)>::first);
  return row->second(config);
}

}  // namespace

NoiseSchedule::NoiseSchedule(const DiffusionConfig& config)
    : betas_(config.trained_betas.empty() ? named_betas(config) : config.trained_betas) {
  if (config.rescale_betas_zero_snr) betas_ = rescaled_to_zero_snr(betas_);
  alpha_bars_ = alpha_bars_of(betas_);
}

}  // namespace ddpm
