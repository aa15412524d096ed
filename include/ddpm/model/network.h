#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/model/conditioning.h"
#include "ddpm/model/cost.h"
#include "ddpm/model/parameter_role.h"

namespace ddpm {

/// A network of noisy images: what training, sampling and evaluation need to know of it.
class NetworkImpl : public RoledModule {
 public:
  /// The raw output for images `sample` [N, data_channels, H, W] at `timesteps` [N], in the type of
  /// the weights. `conditioning` must have what the network is trained to be told, and no more.
  virtual torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                                const Conditioning& conditioning) = 0;

  /// What it takes and gives.
  virtual const Signature& signature() const = 0;

  /// Keeps no activations of residual blocks in training; the backward pass makes them again. A
  /// network without such blocks may go on as it is.
  virtual void enable_gradient_checkpointing(bool enabled) = 0;

  /// What one image of this size costs.
  virtual Cost cost(int64_t height, int64_t width) const = 0;

  /// Draws the weights as the DDPM paper's code does: uniform with variance 1 / mean of fan-in and
  /// fan-out, biases zero, and the last layer of each residual path near zero.
  void init_weights(uint64_t seed);

  int64_t parameter_count() const;
};

/// The layer that takes in how images were augmented. It has no bias, so that images as they are
/// come to the same without it.
inline constexpr std::string_view kAugmentLayer = "augment_embedding";

/// True for a parameter that serves training alone, by its full name: a checkpoint's network is
/// whole without it.
bool serves_training_alone(std::string_view parameter);

/// Any network; the places that share it share its weights.
using Network = std::shared_ptr<NetworkImpl>;

}  // namespace ddpm
