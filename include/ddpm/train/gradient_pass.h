#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <torch/types.h>

#include "ddpm/runtime/work_graph.h"
#include "ddpm/train/objective.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// Forward and backward pass of micro-batches, down to gradients that `TrainingModel::update`
/// finds: in the model's flat tensor, or on the CPU, for a single micro-batch a step, at its
/// parameters.
class GradientPass {
 public:
  /// A step has `parts` micro-batches, those of all ranks. `objective` and `model` must outlive
  /// this. With `graphs` the inputs are copied into tensors that stay, and the pass over these is
  /// recorded as a graph, one for the first micro-batch of a step and one for the others. Dropout
  /// then draws what it would draw without graphs.
  GradientPass(const Objective& objective, TrainingModel& model, int64_t parts,
               GraphFactory graphs);
  GradientPass(const GradientPass&) = delete;
  GradientPass& operator=(const GradientPass&) = delete;

  /// Puts the gradients of one micro-batch into the model's, or adds them unless it is the `first`
  /// of a step here. Gives its loss without a gradient; mean and extras are its shares of the
  /// step's.
  BatchLoss run(const StepInputs& inputs, bool first);

 private:
  BatchLoss pass(const StepInputs& inputs, bool first);
  GraphedWork make_work(const std::string& name, bool first);
  void prepare(const StepInputs& inputs);
  void take_inputs(const StepInputs& inputs);

  const Objective& objective_;
  TrainingModel& model_;
  double parts_;
  GraphFactory graphs_;
  StepInputs inputs_;  // what the graphs read
  BatchLoss outcome_;  // what they write beside the gradients
  std::unique_ptr<GraphedWork> first_;
  std::unique_ptr<GraphedWork> others_;
};

}  // namespace ddpm
