#pragma once

#include <memory>
#include <string>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/runtime/work_graph.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/training_loss.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// Forward and backward pass of micro-batches, down to gradients that `TrainingModel::update`
/// finds: in the model's flat tensor, or on the CPU, for a single micro-batch a step, at its
/// parameters.
class GradientPass {
 public:
  /// `config` must be complete (`complete_config`), and `model` must outlive this. With `graphs`
  /// all micro-batches must have one shape: they are copied into tensors that stay, and the pass
  /// over these is recorded as a graph, one for the first micro-batch of a step and one for the
  /// others. Dropout then draws what it would draw without graphs.
  GradientPass(const Config& config, TrainingModel& model, torch::Device device,
               GraphFactory graphs);
  GradientPass(const GradientPass&) = delete;
  GradientPass& operator=(const GradientPass&) = delete;

  /// Puts the gradients of one micro-batch into the model's, or adds them unless it is the `first`
  /// of a step. Gives its loss without a gradient; mean and accuracy are its shares of the step's.
  BatchLoss run(const NoisyBatch& batch, bool first);

 private:
  BatchLoss pass(const NoisyBatch& batch, bool first);
  GraphedWork make_work(const std::string& name, bool first);
  void prepare(const NoisyBatch& batch);

  double parts_;  // micro-batches a step
  TrainingModel& model_;
  TrainingLoss loss_;
  GraphFactory graphs_;
  NoisyBatch inputs_;  // what the graphs read
  BatchLoss outcome_;  // what they write beside the gradients
  std::unique_ptr<GraphedWork> first_;
  std::unique_ptr<GraphedWork> others_;
};

}  // namespace ddpm
