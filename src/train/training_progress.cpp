#include "ddpm/train/training_progress.h"

#include <string>

#include "ddpm/util/text.h"

namespace ddpm {

void TrainingProgress::show(const TrainingState& state, const TimeBudget& budget, double loss) {
  if (!line_.due()) return;
  const double rate = static_cast<double>(budget.session_steps()) / budget.session_seconds();
  std::string text = "step " + std::to_string(state.step);
  if (state.total_steps) text += "/" + std::to_string(*state.total_steps);
  if (loss > 0) text += "  loss " + format_fixed(loss, 4);
  text += "  " + format_fixed(rate * static_cast<double>(batch_size_), 1) + " images/s";
  if (state.total_steps) {
    const auto left = static_cast<double>(*state.total_steps - state.step);
    text += "  " + format_duration(left / rate) + " left";
  }
  line_.show(text);
}

}  // namespace ddpm
