#pragma once

#include <torch/types.h>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/unet.h"

namespace ddpm {

/// The network in training: weights, gradients, EMA and both Adam moments, each one flat float32
/// tensor of the same layout, and two U-Nets that are views into weights and EMA.
class TrainingModel {
 public:
  /// Starts from `UNet::init_weights(seed)`; the EMA starts at the weights.
  TrainingModel(const ModelConfig& model, uint64_t seed, torch::Device device,
                torch::MemoryFormat format);

  UNet& unet() { return unet_; }
  UNet& ema_unet() { return ema_unet_; }
  void zero_gradients() { gradients_.zero_(); }

  /// One optimizer step from the gradients, then one of the EMA. `step` counts from 0. Gradients
  /// are scaled to a norm of at most `config.max_grad_norm` (0: left alone). A step whose gradients
  /// are not finite changes nothing. Gives the norm before scaling, a scalar on the device.
  torch::Tensor update(const TrainConfig& config, int64_t step, double learning_rate);

  /// Views by parameter name, for saving.
  TrainingTensors tensors() const;
  /// `CheckpointError` if the tensors do not fit.
  void load(const TrainingTensors& tensors, const std::string& origin);

 private:
  UNet unet_;
  UNet ema_unet_;
  FlatLayout layout_;
  torch::Tensor weights_;
  torch::Tensor gradients_;
  torch::Tensor ema_;
  torch::Tensor exp_avg_;
  torch::Tensor exp_avg_sq_;
};

/// Mean squared error of the net's answer, in float32.
torch::Tensor denoising_loss(UNet& unet, const torch::Tensor& x_t, const torch::Tensor& timesteps,
                             const torch::Tensor& labels, const torch::Tensor& target,
                             Precision precision);

}  // namespace ddpm
