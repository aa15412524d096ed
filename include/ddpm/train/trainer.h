#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/sample/generator.h"
#include "ddpm/train/checkpoint_saver.h"
#include "ddpm/train/drawing.h"
#include "ddpm/train/learning_rate.h"
#include "ddpm/train/metrics_log.h"
#include "ddpm/train/run_end.h"
#include "ddpm/train/time_plan.h"
#include "ddpm/train/training_model.h"
#include "ddpm/train/training_step.h"
#include "ddpm/util/log.h"

namespace ddpm {

/// Trains one model in one run folder.
///
/// The same seed, settings, machine and thread count give the same bits, whether or not the run was
/// interrupted in between: all randomness is a function of the step.
class Trainer {
 public:
  /// `config` must be complete (`complete_config`), with a precision other than auto. `dataset`
  /// must outlive the trainer. Starts afresh, or goes on from `checkpoint` if that is not empty.
  /// `graphs` are for training steps and sample grids.
  Trainer(Config config, const Dataset& dataset, std::filesystem::path run, torch::Device device,
          const std::filesystem::path& checkpoint = {}, const GraphFactory& graphs = {});

  /// Scores images that the generator draws with the averaged weights; nothing if it was stopped.
  using Evaluate = std::function<std::optional<Scores>(Generator& generator)>;

  /// Calls `evaluate` every `train.eval_every` steps and at the end, notes its numbers in
  /// metrics.jsonl, and keeps the checkpoint with the lowest first one as `checkpoints/best`. It
  /// must leave LibTorch's random generator alone. For a denoiser only.
  void evaluate_with(Evaluate evaluate);

  /// Calls `guard` before it writes anything into the run's folder; a `DiskError` of it is taken as
  /// one of writing.
  void guard_with(std::function<void()> guard) { guard_ = std::move(guard); }

  /// Trains until all steps are done, time is up, or someone asks for a stop; writes a checkpoint
  /// at the end. A disk that takes no checkpoint before that gives a warning, and another try
  /// later. An evaluation that someone stops is made by the session that goes on. `DivergedError`
  /// if loss or gradients stay other than finite, `DiskError` if the last checkpoint cannot be
  /// written.
  RunEnd run();

  /// One optimizer step; one whose loss or gradient is not finite changes nothing but is counted.
  /// `DivergedError` after `train.max_bad_steps` of these in a row.
  void step();

  const TrainingState& state() const { return state_; }
  TrainingModel& model() { return model_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<RunEnd> tick();
  void count_bad_steps();
  bool is_sound() const;
  [[noreturn]] void fail_diverged(const std::string& what) const;
  bool ends_unscored();
  void plan_steps();
  DecayPlan decay_plan() const;
  double drawing_seconds();
  void release_ema();
  void write_metrics(bool with_scores);
  std::optional<Scores> score();
  void keep_if_best(const Scores& scores);
  bool evaluates() const { return evaluate_ && config_.train.eval_every > 0; }
  void show_progress();
  bool draws_samples() const { return generator_.has_value(); }
  torch::Tensor draw_grid();
  void write_samples();
  void save();
  void save_if_possible();
  void save_checkpoint();
  double session_seconds() const;
  int64_t images_seen() const { return state_.step * config_.train.batch_size; }

  Config config_;
  RunDirectory run_;
  torch::Device device_;
  TrainingState state_;
  TrainingModel model_;
  std::optional<Generator> generator_;  // of a denoiser
  TrainingStep step_;
  CheckpointSaver saver_;
  MetricsLog metrics_;
  ProgressLine progress_;
  Evaluate evaluate_;
  std::function<void()> guard_ = [] {};

  std::vector<torch::Tensor> are_finite_;  // of steps that are not counted yet, on the device
  torch::Tensor loss_sum_;                 // over the steps since the last log line, on the device
  torch::Tensor accuracy_sum_;             // likewise, of a classifier
  torch::Tensor grad_norm_;                // of the last step, on the device
  double last_lr_ = 0.0;
  double last_loss_ = 0.0;
  double images_per_second_ = 0.0;
  double seconds_before_ = 0.0;  // of earlier sessions
  Clock::time_point start_;
  bool save_asked_ = false;            // by a signal
  std::optional<TimePlan> time_plan_;  // if the steps are not known beforehand
  Drawing grid_;
  Drawing evaluation_;
  std::optional<double> drawing_seconds_;  // of an image, once it is measured
  Clock::time_point rate_time_;
  int64_t rate_step_ = 0;
  int64_t first_step_ = 0;  // of this session
  int64_t scored_step_ = 0;
};

}  // namespace ddpm
