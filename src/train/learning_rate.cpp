#include "ddpm/train/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ddpm {

double decay_done(const TrainConfig& config, int64_t step, const DecayPlan& plan) {
  if (!plan.total_steps) return 0.0;
  const int64_t start = std::max(plan.start, config.warmup_steps);
  const double span = std::max(1.0, static_cast<double>(*plan.total_steps - start));
  const double part = std::clamp(static_cast<double>(step - start) / span, 0.0, 1.0);
  return plan.done + (1.0 - plan.done) * part;
}

double learning_rate(const TrainConfig& config, int64_t step, const DecayPlan& plan) {
  const double rise =
      config.warmup_steps == 0
          ? 1.0
          : std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps));
  if (config.lr_schedule == LrSchedule::kConstant) return config.lr * rise;
  const double done = decay_done(config, step, plan);
  const double fall = config.lr_schedule == LrSchedule::kLinear
                          ? 1.0 - done
                          : 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  return config.lr * rise * fall;
}

double ema_decay(const TrainConfig& config, int64_t step) {
  if (!config.ema_warmup) return config.ema_decay;
  const auto t = static_cast<double>(step);
  return std::min(config.ema_decay, (1.0 + t) / (10.0 + t));
}

}  // namespace ddpm
