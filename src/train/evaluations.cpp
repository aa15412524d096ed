#include "ddpm/train/evaluations.h"

#include <cmath>
#include <string>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {

Evaluations::Evaluations(const TrainConfig& train, Evaluate evaluate, EmaGenerator& generator,
                         MetricLines& lines, Checkpoints& checkpoints)
    : preview_{.images = train.eval_images, .every = train.eval_every},
      evaluate_(std::move(evaluate)),
      generator_(generator),
      lines_(lines),
      checkpoints_(checkpoints) {}

bool Evaluations::due(const Decision& now) const {
  if (now.finished || preview_.due(now.step)) return true;
  // A run that ends here may have a model that the last evaluation says little of.
  return now.time_up && 2 * (now.step - scored_step_) >= preview_.every;
}

void Evaluations::run(RunView& view) {
  const int64_t step = view.state.step;
  const double start = view.budget.session_seconds();
  view.state.evaluation_due = true;  // also if it fails
  const auto scores = score(step);
  view.state.evaluation_due = !scores;
  if (!scores) {
    lines_.leave_out(step);
    log_info("the evaluation is left to the session that goes on");
    return;
  }
  scored_step_ = step;
  preview_.last_seconds = view.budget.session_seconds() - start;
  lines_.write(view, *scores, start);
  keep_if_best(view, *scores);
}

std::optional<Scores> Evaluations::score(int64_t step) {
  const auto scores = generator_.with(evaluate_);
  if (!scores) return std::nullopt;
  std::string text = "step " + std::to_string(step) + ":";
  for (const auto& [name, value] : *scores)
    text += " " + name + " " + format_number(value);
  log_info(text);
  return scores;
}

void Evaluations::keep_if_best(RunView& view, const Scores& scores) {
  auto& state = view.state;
  if (scores.empty() || !std::isfinite(scores.front().second)) return;
  if (!view.meter.is_sound(view.model)) return;
  if (state.best_score && scores.front().second >= *state.best_score) return;
  const auto score_before = std::exchange(state.best_score, scores.front().second);
  const auto step_before = std::exchange(state.best_step, state.step);
  try {
    checkpoints_.save_best(view);
  } catch (const DiskError& error) {
    state.best_score = score_before;
    state.best_step = step_before;
    log_warning(std::string(error.what()) + "; the best checkpoint stays the one before");
  }
}

}  // namespace ddpm
