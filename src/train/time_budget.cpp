#include "ddpm/train/time_budget.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {

TimeBudget::TimeBudget(const TrainConfig& train, TrainingState& state)
    : train_(train),
      state_(state),
      seconds_before_(state.seconds),
      first_step_(state.step) {
  const double budget = 60.0 * train.max_minutes;
  if (!state.total_steps && budget > 0) time_plan_.emplace(budget);
}

double TimeBudget::session_seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

bool TimeBudget::is_up() const {
  return train_.max_minutes > 0 && session_seconds() >= 60.0 * train_.max_minutes;
}

void TimeBudget::plan(const std::vector<Preview>& previews,
                      const std::function<double()>& seconds_per_image) {
  if (!time_plan_) return;
  const auto per_step = time_plan_->due(session_steps(), session_seconds());
  if (!per_step) return;
  const double per_image = seconds_per_image();
  double left = time_plan_->left(session_seconds());
  double cost = *per_step;
  for (const auto& preview : previews) {
    const int draws = preview.due(state_.step) ? 2 : 1;  // one of them at the end
    left -= draws * preview.seconds(per_image);
    // The first steps are timed before anything is drawn between them.
    if (time_plan_->plans() == 1) cost += preview.seconds_per_step(per_image);
  }
  state_.decay_done = decay_done(train_, state_.step, decay());
  state_.decay_start = state_.step;
  state_.total_steps = state_.step + static_cast<int64_t>(std::max(1.0, left / cost));
  log_info("measured " + format_number(std::round(1000.0 * *per_step)) +
           " ms a step: " + std::to_string(*state_.total_steps) + " steps fit into the time");
}

DecayPlan TimeBudget::decay() const {
  return {state_.total_steps, state_.decay_start, state_.decay_done};
}

void TimeBudget::set_decay(const DecayPlan& plan) {
  state_.total_steps = plan.total_steps;
  state_.decay_start = plan.start;
  state_.decay_done = plan.done;
}

}  // namespace ddpm
