#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/batch_stream.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/network.h"
#include "ddpm/runtime/ranks.h"

namespace ddpm {

/// What the passes of a micro-batch read, by name: tensors [N, ...] on one device. Names, shapes
/// and types are the same for all micro-batches of a run.
using StepInputs = NamedTensors;

/// What the network's answers to a micro-batch are worth.
struct BatchLoss {
  torch::Tensor each;        // [N] float32, the loss of each sample
  torch::Tensor mean;        // scalar: what is minimised
  NamedTensors extras = {};  // scalars without gradients, for metrics: means over the micro-batch
};

/// What a network is trained for. An objective draws what its samples need beside themselves, runs
/// the forward passes, of the network and of frozen ones that it may hold, and says what the
/// answers are worth.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Draws for the samples of a micro-batch, into `batch.drawn`; may change its labels.
  /// `first_place` is the place of its first sample in the endless sequence of training samples,
  /// and what is drawn for a sample is a function of the settings and of its place. Called by the
  /// threads that make batches, several at once; must call no LibTorch operator that has threads of
  /// its own.
  virtual void draw(Batch& batch, int64_t first_place) const = 0;

  /// Makes the inputs of a batch that `draw` has seen, on the device. What could not be drawn ahead
  /// is drawn here.
  virtual StepInputs prepare(Batch batch) const = 0;

  /// Runs the forward passes. Works on the device alone: nothing is read back.
  virtual BatchLoss loss(NetworkImpl& network, const StepInputs& inputs) const = 0;

  /// Names of the extras that every `loss` has.
  virtual std::vector<std::string> extras() const { return {}; }

  /// Takes note of the losses [N] of a micro-batch, which are on the device, without a gradient.
  virtual void note(const StepInputs& /*inputs*/, const torch::Tensor& /*each*/) {}

  /// Learns from what was noted at all ranks since the last step.
  virtual void end_step(Ranks& /*ranks*/) {}

  /// What it has learned, for a checkpoint; empty for those that do not learn.
  virtual NamedTensors state() const { return {}; }

  /// Goes on from there. `CheckpointError` starting with `origin` if it does not fit.
  virtual void load_state(const NamedTensors& /*state*/, const std::string& /*origin*/) {}
};

/// The input of this name; undefined if there is none.
torch::Tensor input_or_none(const StepInputs& inputs, const std::string& name);

/// `tensor` on `device`. From pinned memory the copy runs behind the host's back.
torch::Tensor to_device(const torch::Tensor& tensor, torch::Device device);

}  // namespace ddpm
