#include "ddpm/train/checkpoints.h"

#include <string>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/log.h"

namespace ddpm {

Checkpoints::Checkpoints(const TrainConfig& train, const RunDirectory& directory,
                         MetricLines& lines, int64_t saved_step)
    : saver_(directory, train, saved_step),
      lines_(lines) {}

bool Checkpoints::wanted(int64_t step, bool finished) const {
  return asked_ || (!finished && saver_.due(step));
}

void Checkpoints::run(RunView& view) {
  if (!view.meter.is_sound(view.model)) return;
  const bool asked = std::exchange(asked_, false);
  try {
    save(view);
    if (asked)
      log_info("checkpoint: " + view.folder.directory().checkpoint(view.state.step).string());
  } catch (const DiskError& error) {
    saver_.note_failure();
    log_warning(std::string(error.what()) + "; training goes on and tries again");
  }
}

void Checkpoints::save(RunView& view) {
  write(view);
  saver_.prune();
}

void Checkpoints::save_best(RunView& view) {
  write(view);
  // The link moves before old checkpoints are removed, or the new best one could be among them.
  saver_.link_best(view.state.step);
  saver_.prune();
}

void Checkpoints::write(RunView& view) {
  if (has(view.state.step)) return;
  view.state.seconds = view.budget.seconds();
  view.meter.store();
  view.folder.ensure();
  lines_.settle();
  saver_.write({.config = view.config,
                .state = view.state,
                .tensors = view.model.tensors(),
                .objective_state = view.objective.state()});
}

}  // namespace ddpm
