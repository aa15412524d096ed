#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ddpm/train/run_hook.h"
#include "ddpm/util/metric_sink.h"

namespace ddpm {

/// Writes the metrics of a run every `train.log_every` steps.
class MetricLines : public RunHook {
 public:
  /// The run goes on from `first_step`.
  MetricLines(const TrainConfig& train, int64_t first_step);

  void add_sink(std::unique_ptr<MetricSink> sink) { sinks_.push_back(std::move(sink)); }

  bool due(const Decision& now) const override;
  void run(RunView& view) override;

  /// Writes a line with what an evaluation at this step has told, which has begun so many
  /// `session_seconds` into the session: its time does not count as that of steps.
  void write(RunView& view, const Scores& scores, double evaluation_start);
  /// There is to be no line at this step.
  void leave_out(int64_t step) { done_step_ = step; }

  /// See `MetricSink`.
  void settle();

  /// Of the last line; 0 before there was one that is finite.
  double last_loss() const { return last_loss_; }

 private:
  int64_t log_every_;
  int64_t batch_size_;
  std::vector<std::unique_ptr<MetricSink>> sinks_;
  int64_t done_step_;
  double last_loss_ = 0.0;
  int64_t rate_step_;  // steps before this one are in earlier rates
  double rate_seconds_ = 0.0;
};

}  // namespace ddpm
