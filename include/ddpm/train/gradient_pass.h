#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/training_model.h"
#include "ddpm/util/work_graph.h"

namespace ddpm {

/// Forward and backward pass of micro-batches, down to gradients that `TrainingModel::update` finds:
/// in the model's flat tensor, or on the CPU, for a single micro-batch a step, at its parameters.
class GradientPass {
 public:
  /// `model` must outlive this. With `graphs` all micro-batches must have one shape: they are
  /// copied into tensors that stay, and the pass over these is recorded as a graph, one for the
  /// first micro-batch of a step and one for the others. Dropout then draws what it would draw
  /// without graphs.
  GradientPass(const TrainConfig& config, TrainingModel& model, GraphFactory graphs);
  GradientPass(const GradientPass&) = delete;
  GradientPass& operator=(const GradientPass&) = delete;

  /// Puts the gradients of one micro-batch into the model's, or adds them unless it is the `first`
  /// of a step. Gives its share of the step's loss, a scalar on the device.
  torch::Tensor run(const NoisyBatch& batch, bool first);

 private:
  torch::Tensor pass(const NoisyBatch& batch, bool first);
  GraphedWork make_work(const std::string& name, bool first);
  void prepare(const NoisyBatch& batch);

  double parts_;  // micro-batches a step
  TrainingModel& model_;
  GraphFactory graphs_;
  NoisyBatch inputs_;   // what the graphs read
  torch::Tensor loss_;  // what they write beside the gradients
  std::unique_ptr<GraphedWork> first_;
  std::unique_ptr<GraphedWork> others_;
};

}  // namespace ddpm
