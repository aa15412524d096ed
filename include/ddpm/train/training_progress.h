#pragma once

#include <cstdint>

#include "ddpm/checkpoint/training_state.h"
#include "ddpm/train/time_budget.h"
#include "ddpm/util/log.h"

namespace ddpm {

/// Tells people how far training has come.
class TrainingProgress {
 public:
  explicit TrainingProgress(int64_t batch_size) : batch_size_(batch_size) {}

  /// Shows step, speed and time left. A `loss` of 0 is not known.
  void show(const TrainingState& state, const TimeBudget& budget, double loss);

 private:
  int64_t batch_size_;
  ProgressLine line_;
};

}  // namespace ddpm
