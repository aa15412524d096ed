#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/data/dataset.h"
#include "ddpm/train/gradient_pass.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// What a step tells; both are scalars on the device, read back only when someone asks.
struct StepResult {
  torch::Tensor loss;
  torch::Tensor grad_norm;  // before clipping
};

/// Takes optimizer steps: batch, noise, forward and backward pass, update. What a step does is a
/// function of its number, of the settings and of the model alone.
class TrainingStep {
 public:
  /// `dataset` and `model` must outlive this. Batches are made ahead from step `first_step` on.
  /// With `graphs` forward and backward pass are recorded (see `GradientPass`), unless gradients
  /// are checkpointed: that reads the generator's state, which no graph can hold.
  TrainingStep(const Config& config, const Dataset& dataset, TrainingModel& model,
               torch::Device device, int64_t first_step, const GraphFactory& graphs = {});

  /// Step number `step`; steps must be taken in order.
  StepResult run(int64_t step, double learning_rate);

 private:
  torch::Tensor accumulate_gradients(int64_t micro_batch);

  TrainConfig config_;
  TrainingModel& model_;
  torch::Device device_;
  Noising noising_;
  BatchStream batches_;
  GradientPass pass_;
};

}  // namespace ddpm
