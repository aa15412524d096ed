#pragma once

#include <chrono>
#include <cstdint>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/run_links.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/config.h"

namespace ddpm {

/// What a checkpoint is made of.
struct CheckpointContent {
  const Config& config;
  const TrainingState& state;
  TrainingTensors tensors;
  NamedTensors objective_state;
};

/// Writes the checkpoints of a run when they are due, and keeps their links right.
class CheckpointSaver {
 public:
  /// `saved_step`: the checkpoint that the run goes on from; -1 for a fresh one.
  CheckpointSaver(RunDirectory run, const TrainConfig& train, int64_t saved_step);

  /// Whether the settings ask for one after this step, or one that failed is to be tried again.
  bool due(int64_t step) const;
  bool has(int64_t step) const { return saved_step_ == step; }

  /// Writes a checkpoint and points `last` at it. `DiskError`; `NoRoomError` tells the bytes needed
  /// and free.
  void write(const CheckpointContent& content);
  /// The disk took none: the next try comes after a while.
  void note_failure();
  /// Removes old checkpoints; one that cannot be removed is a warning.
  void prune() const;

  /// Points `best` at the checkpoint of this step.
  void link_best(int64_t step);
  /// Puts both links right after a crash between a checkpoint and its link, a copy that followed
  /// them, or a return to an earlier checkpoint. `best_step`: 0 if there was no evaluation.
  void restore_links(int64_t best_step);

 private:
  using Clock = std::chrono::steady_clock;

  double seconds_since_last() const;

  RunDirectory run_;
  int64_t save_every_;
  double save_minutes_;
  int64_t keep_last_;
  int64_t saved_step_;
  Clock::time_point last_ = Clock::now();  // write or try
  bool failed_ = false;
  RunLinks links_;
  int64_t best_step_ = -1;
};

}  // namespace ddpm
