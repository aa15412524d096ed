#pragma once

#include <cstdint>
#include <optional>

#include "ddpm/config/config.h"

namespace ddpm {

/// How the learning rate falls from its peak. A run whose steps are planned anew goes on from where
/// its decay stands, to zero at the new end.
struct DecayPlan {
  std::optional<int64_t> total_steps;  // the decay's end; before it is known there is no decay
  int64_t start = 0;  // step at which it goes on (or the end of the rise, if that is later)
  double done = 0.0;  // its part that was over by then
};

/// The part of the decay that is over at `step`: 0 to 1.
double decay_done(const TrainConfig& config, int64_t step, const DecayPlan& plan);

/// Learning rate of step `step` (0 is the first): a linear rise over `warmup_steps`, times the
/// decay to zero.
double learning_rate(const TrainConfig& config, int64_t step, const DecayPlan& plan);

/// Share of the old average that the EMA keeps in step `step`: with warm-up
/// min(ema_decay, (1 + step) / (10 + step)).
double ema_decay(const TrainConfig& config, int64_t step);

}  // namespace ddpm
