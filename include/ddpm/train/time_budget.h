#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/train/learning_rate.h"
#include "ddpm/train/preview.h"
#include "ddpm/train/time_plan.h"

namespace ddpm {

/// The time of a run: how much of it is over, and how many steps fit into it if `train.steps` does
/// not say that.
class TimeBudget {
 public:
  /// The session begins now, at the step of `state`, which must outlive this: the number of steps
  /// and the decay of the learning rate are kept there.
  TimeBudget(const TrainConfig& train, TrainingState& state);

  /// Of this session so far.
  double session_seconds() const;
  int64_t session_steps() const { return state_.step - first_step_; }
  /// Of all sessions so far.
  double seconds() const { return seconds_before_ + session_seconds(); }

  /// Whether the session has used up `train.max_minutes`.
  bool is_up() const;

  /// To be called after each step: if it is time to plan, fixes how many steps fit into the rest
  /// beside the `previews`, those of this step included, and lets the decay go on to the new end.
  /// `seconds_per_image` measures what drawing takes.
  void plan(const std::vector<Preview>& previews, const std::function<double()>& seconds_per_image);

  DecayPlan decay() const;
  void set_decay(const DecayPlan& plan);

 private:
  using Clock = std::chrono::steady_clock;

  TrainConfig train_;
  TrainingState& state_;
  Clock::time_point start_ = Clock::now();
  double seconds_before_;              // of earlier sessions
  int64_t first_step_;                 // of this session
  std::optional<TimePlan> time_plan_;  // if the steps are not known beforehand
};

}  // namespace ddpm
