#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/train/training_model.h"
#include "ddpm/train/training_step.h"
#include "ddpm/util/metric_sink.h"

namespace ddpm {

/// Numbers of the steps since the last ones, in the mean over those that were not skipped.
struct StepMeans {
  double loss = 0.0;       // not finite if all were skipped
  Scores extras = {};      // the objective's, likewise
  double grad_norm = 0.0;  // of the last step, before clipping
  double lr = 0.0;         // of the last step
};

/// Adds up what steps tell, on the device, and counts those whose loss or gradient is not finite.
class StepMeter {
 public:
  /// Goes on from the sums of `state`, whose counts of steps it keeps, and which must outlive this.
  /// `extras` are the names of the objective's.
  StepMeter(const TrainConfig& train, TrainingState& state, const std::vector<std::string>& extras,
            torch::Device device);

  /// Adds the last one of the steps that `state` has now.
  void add(const StepResult& result, double learning_rate);

  /// Counts the steps that were added since the last call. Reading back whether they were finite
  /// holds up a GPU. `DivergedError` after `train.max_bad_steps` in a row that were not.
  void count();

  /// False after a bad step, whose cause may be the weights, and if they are bad themselves: such
  /// weights make no checkpoint. To be asked after `count`.
  bool is_sound(const TrainingModel& model) const;

  /// `DivergedError` if a weight is not finite.
  void check_weights(const TrainingModel& model) const;

  /// The means of the steps since the last call; sums start anew.
  StepMeans take();

  /// Puts the sums into the state, for a checkpoint.
  void store();

 private:
  [[noreturn]] void fail(const std::string& what) const;

  int64_t max_bad_steps_;
  TrainingState& state_;
  std::vector<torch::Tensor> are_finite_;  // of steps that are not counted yet, on the device
  torch::Tensor loss_sum_;                 // over the steps since `take`, on the device
  NamedTensors extra_sums_;                // likewise
  torch::Tensor grad_norm_;                // of the last step, on the device
  double lr_;
};

}  // namespace ddpm
