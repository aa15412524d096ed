#pragma once

#include <cstdint>
#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/data/training_data.h"
#include "ddpm/model/named_tensors.h"
#include "ddpm/runtime/ranks.h"
#include "ddpm/train/gradient_pass.h"
#include "ddpm/train/objective.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// What a step tells: scalars on the device, the same at all ranks, read back only when someone
/// asks.
struct StepResult {
  torch::Tensor loss;
  torch::Tensor grad_norm;  // before clipping
  NamedTensors extras;      // the objective's
};

struct StepOptions {
  int64_t first_step = 0;    // batches are made ahead from here on
  GraphFactory graphs = {};  // see `GradientPass`
  Ranks& ranks = single_rank();
};

/// Takes optimizer steps: batch, inputs, forward and backward pass, update. What a step does is a
/// function of its number, of the settings, of the model and of what the objective has learned.
///
/// With ranks, `train.batch_size` is that of all together, and each takes
/// `train.gradient_accumulation_steps` micro-batches of it. The bits of size ranks with one
/// micro-batch each are those of one process with size micro-batches.
class TrainingStep {
 public:
  /// `config` must be complete (`complete_config`); `data`, `model` and the ranks must outlive
  /// this. Forward and backward pass are not recorded if gradients are checkpointed: that reads
  /// the generator's state, which no graph can hold.
  TrainingStep(const Config& config, const TrainingData& data, TrainingModel& model,
               torch::Device device, const StepOptions& options = {});

  /// Step number `step`; steps must be taken in order.
  StepResult run(int64_t step, double learning_rate);

  /// False once a step has failed after it began to change the model or what the objective has
  /// learned: they are then those of no step.
  bool is_whole() const { return whole_; }

  /// What it trains for; to be loaded before the first step.
  Objective& objective() { return *objective_; }

 private:
  void accumulate_gradients(int64_t micro_batch, bool first, StepResult& result);
  void sum_over_ranks(const StepResult& result);

  TrainConfig config_;
  TrainingModel& model_;
  torch::Device device_;
  Ranks& ranks_;
  std::unique_ptr<Objective> objective_;
  BatchStream batches_;
  GradientPass pass_;
  bool whole_ = true;
};

}  // namespace ddpm
