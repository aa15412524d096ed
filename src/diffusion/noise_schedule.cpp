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

constexpr std::pair<BetaSchedule, Betas (*)(const DiffusionConfig&)> kSchedules[] = {
    {BetaSchedule::kLinear, linear},
    {BetaSchedule::kScaledLinear, scaled_linear},
    {BetaSchedule::kCosine, squared_cosine},
};

}  // namespace

NoiseSchedule::NoiseSchedule(const DiffusionConfig& config) {
  const auto* const row =
      std::ranges::find(kSchedules, config.beta_schedule,
                        &std::pair<BetaSchedule, Betas (*)(const DiffusionConfig&)>::first);
  betas_ = row->second(config);
  double product = 1.0;
  for (const double beta : betas_)
    alpha_bars_.push_back(product *= 1.0 - beta);
}

}  // namespace ddpm
