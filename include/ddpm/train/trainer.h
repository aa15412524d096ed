#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/data/training_data.h"
#include "ddpm/runtime/ranks.h"
#include "ddpm/train/checkpoints.h"
#include "ddpm/train/ema_generator.h"
#include "ddpm/train/evaluations.h"
#include "ddpm/train/metric_lines.h"
#include "ddpm/train/run_end.h"
#include "ddpm/train/sample_grids.h"
#include "ddpm/train/starting_weights.h"
#include "ddpm/train/step_meter.h"
#include "ddpm/train/time_budget.h"
#include "ddpm/train/training_model.h"
#include "ddpm/train/training_progress.h"
#include "ddpm/train/training_step.h"
#include "ddpm/util/metric_sink.h"

namespace ddpm {

/// How a run is trained, where that is no setting of it.
struct TrainerOptions {
  torch::Device device = torch::kCPU;
  std::filesystem::path checkpoint = {};  // to go on from; empty: a fresh start
  StartingWeights start = {};             // of a fresh start; empty: drawn ones
  GraphFactory graphs = {};               // for training steps and sample grids
  Ranks& ranks = single_rank();
};

/// Trains one model in one run folder: takes steps, and lets hooks do what is due between them.
///
/// The same seed, settings, machine and thread count give the same bits, whether or not the run was
/// interrupted in between: all randomness is a function of the step. With ranks there is a trainer
/// at each of them; the leader's alone writes.
class Trainer {
 public:
  /// `config` must be complete (`complete_config`), with a precision other than auto. `data` and
  /// `folder`, whose directory must be there, must outlive the trainer, and so must the ranks.
  Trainer(Config config, const TrainingData& data, RunFolder& folder,
          const TrainerOptions& options = {});
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Evaluates as `train.eval_every` says, for an objective that draws images. To be called once at
  /// most, before `run`.
  void evaluate_with(Evaluate evaluate);

  /// Writes metrics there too, beside metrics.jsonl.
  void add_sink(std::unique_ptr<MetricSink> sink) { lines_.add_sink(std::move(sink)); }

  /// Trains until all steps are done, time is up, or someone asks for a stop; writes a checkpoint
  /// at the end. A disk that takes no checkpoint before that gives a warning, and another try
  /// later. An evaluation that someone stops is made by the session that goes on. `DivergedError`
  /// if loss or gradients stay other than finite, `DiskError` if the last checkpoint cannot be
  /// written. Any other error between the first step and the last, of the data for one, writes a
  /// checkpoint of the last whole step before it goes on its way.
  RunEnd run();

  /// Whether there is a checkpoint of the step at which training stands.
  bool is_kept() const { return checkpoints_.has(state_.step); }

  /// One optimizer step; one whose loss or gradient is not finite changes nothing but is counted.
  /// `DivergedError` after `train.max_bad_steps` of these in a row.
  void step();

  /// Of the next step.
  double next_learning_rate() const;

  const TrainingState& state() const { return state_; }
  TrainingModel& model() { return model_; }

 private:
  std::optional<RunEnd> take_steps();
  void rescue();
  std::optional<RunEnd> tick();
  Decision decide();
  void plan_steps();
  void make_up_evaluation();
  bool is_finished() const { return state_.total_steps && state_.step >= *state_.total_steps; }
  RunView view();

  Config config_;
  const TrainingData& data_;
  RunFolder& folder_;
  Ranks& ranks_;
  TrainingState state_;
  TrainingModel model_;
  std::optional<EmaGenerator> generator_;  // of an objective that draws images
  TrainingStep step_;
  StepMeter meter_;
  TimeBudget budget_;
  TrainingProgress progress_;
  MetricLines lines_;
  Checkpoints checkpoints_;
  std::optional<SampleGrids> grids_;
  std::optional<Evaluations> evaluations_;
  std::vector<RunHook*> hooks_;  // in the order in which they run
};

}  // namespace ddpm
