#include "ddpm/train/metric_lines.h"

#include <cmath>
#include <utility>

namespace ddpm {

MetricLines::MetricLines(const TrainConfig& train, int64_t first_step)
    : log_every_(train.log_every),
      batch_size_(train.batch_size),
      done_step_(first_step),
      rate_step_(first_step) {}

bool MetricLines::due(const Decision& now) const {
  return log_every_ > 0 && now.step % log_every_ == 0 && now.step != done_step_;
}

void MetricLines::run(RunView& view) {
  write(view, {}, view.budget.session_seconds());
}

void MetricLines::write(RunView& view, const Scores& scores, double evaluation_start) {
  const int64_t step = view.state.step;
  auto means = view.meter.take();
  if (std::isfinite(means.loss)) last_loss_ = means.loss;
  const auto images = static_cast<double>((step - rate_step_) * batch_size_);
  const Metrics metrics{.step = step,
                        .images = step * batch_size_,
                        .loss = means.loss,
                        .grad_norm = means.grad_norm,
                        .lr = means.lr,
                        .images_per_second = images / (evaluation_start - rate_seconds_),
                        .seconds = view.budget.seconds(),
                        .skipped_steps = view.state.skipped_steps,
                        .skipped_files = view.data.skipped(),
                        .extras = std::move(means.extras),
                        .scores = scores};
  done_step_ = rate_step_ = step;
  rate_seconds_ = view.budget.session_seconds();
  for (const auto& sink : sinks_)
    sink->write(metrics);
}

void MetricLines::settle() {
  for (const auto& sink : sinks_)
    sink->settle();
}

}  // namespace ddpm
