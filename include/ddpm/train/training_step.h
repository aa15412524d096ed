#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/data/dataset.h"
#include "ddpm/diffusion/timestep_sampler.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/train/gradient_pass.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// What a step tells: scalars on the device, read back only when someone asks.
struct StepResult {
  torch::Tensor loss;
  torch::Tensor grad_norm;  // before clipping
  torch::Tensor accuracy;   // share of right classes; undefined but for classifiers
};

/// Takes optimizer steps: batch, noise, forward and backward pass, update. What a step does is a
/// function of its number, of the settings, of the model and of what the timestep sampler has seen.
class TrainingStep {
 public:
  /// `dataset` and `model` must outlive this. Batches are made ahead from step `first_step` on.
  /// With `graphs` forward and backward pass are recorded (see `GradientPass`), unless gradients
  /// are checkpointed: that reads the generator's state, which no graph can hold.
  TrainingStep(const Config& config, const Dataset& dataset, TrainingModel& model,
               torch::Device device, int64_t first_step, const GraphFactory& graphs = {});

  /// Step number `step`; steps must be taken in order.
  StepResult run(int64_t step, double learning_rate);

  /// What the timestep sampler has learned, for a checkpoint; empty for those that do not learn.
  NamedTensors sampler_state() const;
  /// `CheckpointError` starting with `origin` if it does not fit. Before the first step.
  void load_sampler_state(const NamedTensors& state, const std::string& origin);

 private:
  void accumulate_gradients(int64_t micro_batch, StepResult& result);
  void note_losses(const torch::Tensor& timesteps, const torch::Tensor& losses);
  void update_sampler();

  TrainConfig config_;
  TrainingModel& model_;
  torch::Device device_;
  Noising noising_;
  BatchStream batches_;
  GradientPass pass_;
  std::optional<LossSecondMoment> losses_;  // for loss_second_moment
  std::vector<int64_t> noted_timesteps_;    // of this step
  std::vector<torch::Tensor> noted_losses_;
};

}  // namespace ddpm
