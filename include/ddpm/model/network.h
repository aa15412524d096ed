#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "ddpm/model/cost.h"

namespace ddpm {

/// A network that can be trained: what the optimizer's loop needs to know of it.
class NetworkImpl : public torch::nn::Module {
 public:
  /// The raw output for images [N, in_channels, H, W] at timesteps [N], in the type of the
  /// convolutions' weights. `class_labels` [N] int64 are for networks that take them, else
  /// undefined.
  virtual torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                const torch::Tensor& class_labels) = 0;

  /// Keeps no activations of residual blocks in training; the backward pass makes them again.
  virtual void enable_gradient_checkpointing(bool enabled) = 0;

  /// What one image of this size costs.
  virtual Cost cost(int64_t height, int64_t width) const = 0;

  /// Draws the weights as the DDPM paper's code does: uniform with variance 1 / mean of fan-in and
  /// fan-out, biases zero, and the last layer of each residual path near zero.
  void init_weights(uint64_t seed);

  int64_t parameter_count() const;
};

}  // namespace ddpm
