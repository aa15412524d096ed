#pragma once

#include <cstdint>

#include "ddpm/train/checkpoint_saver.h"
#include "ddpm/train/metric_lines.h"
#include "ddpm/train/run_hook.h"

namespace ddpm {

/// Saves the run when that is due, or asked for.
class Checkpoints : public RunHook {
 public:
  /// `lines` must outlive this: they are on the disk before a checkpoint is. `saved_step` is that
  /// of the checkpoint that the run goes on from, -1 for a fresh one.
  Checkpoints(const TrainConfig& train, const RunDirectory& directory, MetricLines& lines,
              int64_t saved_step);

  /// Asks for a checkpoint, now or at the next good step.
  void ask() { asked_ = true; }
  /// Whether a checkpoint is to be made after this step.
  bool wanted(int64_t step, bool finished) const;
  bool has(int64_t step) const { return saver_.has(step); }

  bool due(const Decision& now) const override { return now.save || now.save_asked; }
  /// A disk that takes none is a warning, and there is another try later. Weights that are not
  /// sound make none.
  void run(RunView& view) override;

  /// Saves this step, unless it is saved, and removes old checkpoints. `DiskError`.
  void save(RunView& view);
  /// The same, and points `checkpoints/best` at it before.
  void save_best(RunView& view);
  /// See `CheckpointSaver`.
  void restore_links(int64_t best_step) { saver_.restore_links(best_step); }

 private:
  void write(RunView& view);

  CheckpointSaver saver_;
  MetricLines& lines_;
  bool asked_ = false;
};

}  // namespace ddpm
