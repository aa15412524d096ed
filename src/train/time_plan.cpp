#include "ddpm/train/time_plan.h"

#include <algorithm>
#include <iterator>

namespace ddpm {
namespace {

/// At least so many steps, and so much of the budget, are for set-up and then for the first
/// measurement.
constexpr int64_t kUntimedSteps = 5;
constexpr int64_t kTimedSteps = 30;
constexpr double kFirstPart = 0.03;
/// Parts of the budget after which it is time to plan again.
constexpr double kLater[] = {0.3, 0.6, 0.85};
/// Part of the rest that is kept back.
constexpr double kReserve = 0.06;

}  // namespace

bool TimePlan::is_due(const Moment& now) const {
  if (plans_ > std::size(kLater)) return false;
  if (plans_ > 0) return now.seconds >= kLater[plans_ - 1] * budget_;
  return now.steps - timed_since_->steps >= kTimedSteps &&
         now.seconds - timed_since_->seconds >= kFirstPart * budget_;
}

std::optional<double> TimePlan::due(int64_t steps, double seconds) {
  const Moment now{steps, seconds};
  if (!timed_since_) {
    if (steps >= kUntimedSteps && seconds >= kFirstPart * budget_) timed_since_ = now;
    return std::nullopt;
  }
  if (!is_due(now)) return std::nullopt;
  ++plans_;
  return (seconds - timed_since_->seconds) / static_cast<double>(steps - timed_since_->steps);
}

double TimePlan::left(double seconds) const {
  return std::max(0.0, (budget_ - seconds) * (1.0 - kReserve));
}

}  // namespace ddpm
