#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace ddpm {

/// When a run with a time budget is to plan how many steps fit into it, and how fast its steps have
/// been by then: once after the first few dozen steps, and again as the time goes on, for machines
/// whose speed changes.
class TimePlan {
 public:
  /// `budget` in seconds, above 0.
  explicit TimePlan(double budget) : budget_(budget) {}

  /// To be asked after each step, with the steps and seconds of this session so far. The seconds
  /// that a step has taken in the mean, all that was done between steps included, if it is time to
  /// plan. The first steps, which pay for set-up, do not count.
  std::optional<double> due(int64_t steps, double seconds);

  /// Seconds for steps from now on. A part of the rest is kept back for the last checkpoint, and
  /// for steps that turn out slower.
  double left(double seconds) const;

  /// How often it was time to plan.
  size_t plans() const { return plans_; }

 private:
  struct Moment {
    int64_t steps;
    double seconds;
  };
  bool is_due(const Moment& now) const;

  double budget_;
  std::optional<Moment> timed_since_;
  size_t plans_ = 0;
};

}  // namespace ddpm
