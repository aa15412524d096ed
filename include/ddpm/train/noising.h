#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/diffusion/noise_schedule.h"

namespace ddpm {

/// What the network sees in a step, and what it should answer.
struct NoisyBatch {
  torch::Tensor x_t;        // [N, C, H, W]
  torch::Tensor timesteps;  // [N] int64
  torch::Tensor labels;     // [N] int64, undefined for an unconditional net
  torch::Tensor target;     // [N, C, H, W]
};

/// Draws timesteps, noise and dropped labels for training batches. All is a function of the seed
/// and of the image's place in the endless sequence of training images.
class Noising {
 public:
  Noising(const DiffusionConfig& diffusion, const ModelConfig& model, double label_dropout,
          uint64_t seed);

  /// Fills the batch's timesteps and noise, and drops labels. `first_place` is the place of its
  /// first image in the sequence. Plain loops on the calling thread: for those that make batches.
  void draw(Batch& batch, int64_t first_place) const;

  /// Noises a batch that `draw` has filled, on `device`.
  NoisyBatch apply(const Batch& batch, torch::Device device) const;

 private:
  void draw_timesteps(Batch& batch, int64_t first_place) const;
  void draw_noise(Batch& batch, int64_t first_place) const;
  void drop_labels(Batch& batch, int64_t first_place) const;

  PredictionType prediction_type_;
  int64_t num_train_timesteps_;
  torch::Tensor alphas_;  // [T], sqrt(alpha_bar)
  torch::Tensor sigmas_;  // [T], sqrt(1 - alpha_bar)
  bool conditional_;
  std::optional<int64_t> null_label_;
  double label_dropout_;
  uint64_t seed_;
};

}  // namespace ddpm
