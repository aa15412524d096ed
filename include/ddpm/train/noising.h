#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/timestep_sampler.h"

namespace ddpm {

/// Noised images with what they were made of; all on one device.
struct NoisedImages {
  torch::Tensor x_t;        // [N, C, H, W], as the network sees it (scaled, for EDM)
  torch::Tensor timesteps;  // [N], as the network is told
  torch::Tensor x0;         // [N, C, H, W]
  torch::Tensor eps;        // [N, C, H, W]
  NoiseLevels levels;       // alpha and sigma alone
};

/// Draws noise levels and noise for training batches, and noises their images. All is a function of
/// the seed and of the image's place in the endless sequence of training images, but for the
/// timesteps of loss_second_moment, which depend on losses too, and pairs of `train.coupling`,
/// which depend on the micro-batch.
class Noising {
 public:
  Noising(const DiffusionConfig& diffusion, const TrainConfig& train);

  /// Fills `noise` and `timesteps` of `batch.drawn`, or `units` [N] float64 in (0, 1) instead of
  /// timesteps that cannot be drawn ahead. `first_place` is the place of the batch's first image in
  /// the sequence. Plain loops on the calling thread: for those that make batches.
  void draw(Batch& batch, int64_t first_place) const;

  /// Draws the timesteps of a batch whose `draw` could not, from what `losses` tell.
  void draw_timesteps(Batch& batch, const LossSecondMoment& losses) const;

  /// Noises a batch with timesteps, on `device`.
  NoisedImages apply(const Batch& batch, torch::Device device) const;

  const Process& process() const { return *process_; }

 private:
  void draw_timesteps(Batch& batch, int64_t first_place) const;
  void draw_noise(Batch& batch, int64_t first_place) const;
  void couple(Batch& batch) const;

  ProcessPtr process_;
  TrainConfig train_;
  uint64_t seed_;
};

}  // namespace ddpm
