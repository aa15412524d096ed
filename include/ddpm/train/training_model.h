#pragma once

#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/network.h"
#include "ddpm/model/parameter_role.h"
#include "ddpm/model/precision.h"

namespace ddpm {

/// True for parameters that Muon steps: matrices between the network's first and last layers, not
/// embeddings and those that touch images or logits.
bool is_for_muon(ParameterRole role);

/// The network in training: weights, EMA and both Adam moments, each one flat float32 tensor of the
/// same layout, and two networks that compute with weights and EMA in the precision of the run.
class TrainingModel {
 public:
  /// `make_network` makes a new network of the run's kind at each call. Starts from
  /// `init_weights(seed)`; the EMA starts at the weights.
  TrainingModel(const std::function<Network()>& make_network, uint64_t seed, torch::Device device,
                Precision precision);

  const Network& net() const { return net_; }
  /// The averaged network, to be used between `refresh_ema` and `release_ema`, which gives the
  /// memory of a bf16 copy back.
  const Network& ema_net() const { return ema_net_; }
  void refresh_ema() { ema_parameters_.refresh(); }
  void release_ema() { ema_parameters_.release(); }

  /// Takes what the backward pass of a micro-batch has left at `net` into a flat tensor, to be
  /// summed over a step; `first` of a step. Without this call `update` takes the gradients where
  /// the backward pass left them.
  void take_gradients(bool first);

  /// What `take_gradients` has summed up, flat.
  const torch::Tensor& gradients() const { return gradients_; }

  /// One optimizer step from the gradients, then one of the EMA. `step` counts from 0. Gradients
  /// are scaled to a norm of at most `config.max_grad_norm` (0: left alone). A step whose gradients
  /// or whose `loss`, a scalar on the device, are not finite changes nothing. Gives the norm before
  /// scaling, likewise.
  torch::Tensor update(const TrainConfig& config, int64_t step, double learning_rate,
                       const torch::Tensor& loss);

  /// False if a weight is not finite.
  bool is_finite() const;

  /// Views by parameter name, for saving.
  TrainingTensors tensors() const;
  /// Begins with these weights, and with an EMA of the same, in place of drawn ones.
  /// `CheckpointError` starting with `origin` if they do not fit.
  void begin_with(const NamedTensors& weights, const std::string& origin);

  /// `CheckpointError` if the tensors do not fit.
  void load(const TrainingTensors& tensors, const std::string& origin);

 private:
  /// Parameter by parameter.
  std::vector<GradientPart> gradient_parts();
  /// Parameter by parameter on the CPU, so that sums over them do not depend on where they lie.
  std::vector<GradientPart> adam_parts();
  torch::Tensor muon_and_adam_step(const AdamTensors& tensors, const TrainConfig& config,
                                   AdamOptions adam);

  // In this order, a network has given back the weights it was made with before the next large
  // tensor is made.
  Network net_;
  FlatLayout layout_;
  std::vector<ParameterRole> roles_;  // in the layout's order
  torch::Tensor weights_;
  ComputeParameters parameters_;
  Network ema_net_;
  torch::Tensor ema_;
  ComputeParameters ema_parameters_;
  torch::Tensor gradients_;  // undefined before the first `take_gradients`
  torch::Tensor exp_avg_;
  torch::Tensor exp_avg_sq_;
};

}  // namespace ddpm
