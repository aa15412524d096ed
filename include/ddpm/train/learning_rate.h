#pragma once

#include <cstdint>
#include <optional>

#include "ddpm/config/config.h"

namespace ddpm {

/// Learning rate of step `step` (0 is the first): a linear rise over `warmup_steps`, times the
/// decay from `decay_start` (or the end of the rise, if later) to zero after `total_steps`. Before
/// the total is known there is no decay.
double learning_rate(const TrainConfig& config, int64_t step, std::optional<int64_t> total_steps,
                     int64_t decay_start);

/// Share of the old average that the EMA keeps in step `step`: with warm-up
/// min(ema_decay, (1 + step) / (10 + step)).
double ema_decay(const TrainConfig& config, int64_t step);

}  // namespace ddpm
