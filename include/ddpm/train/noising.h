#pragma once

#include <cstdint>
#include <optional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/batch_stream.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/timestep_sampler.h"

namespace ddpm {

/// What the network sees in a step, and what it should answer; all on one device.
struct NoisyBatch {
  torch::Tensor x_t;         // [N, C, H, W], as the network sees it (scaled, for EDM)
  torch::Tensor timesteps;   // [N], as the network is told
  torch::Tensor labels;      // [N] int64, undefined for a net without classes
  torch::Tensor target;      // [N, C, H, W]; [N] int64 classes for a classifier
  torch::Tensor x0;          // [N, C, H, W], for the variational bound alone
  torch::Tensor weights;     // [N] float32, of each image's loss; undefined: all 1
  torch::Tensor importance;  // [N] float32, what the timestep sampler asks for; undefined: all 1
};

/// Draws noise levels, noise and dropped labels for training batches. All is a function of the seed
/// and of the image's place in the endless sequence of training images, but for the timesteps of
/// loss_second_moment, which depend on losses too, and pairs of `train.coupling`, which depend on
/// the micro-batch.
class Noising {
 public:
  /// `config` must be complete (`complete_config`).
  explicit Noising(const Config& config);

  /// Fills the batch's timesteps and noise, and drops labels. `first_place` is the place of its
  /// first image in the sequence. Plain loops on the calling thread: for those that make batches.
  void draw(Batch& batch, int64_t first_place) const;

  /// Draws the timesteps of a batch whose `draw` could not, from what `losses` tell.
  void draw_timesteps(Batch& batch, const LossSecondMoment& losses) const;

  /// Noises a batch with timesteps, on `device`. `losses` if it drew them, else null.
  NoisyBatch apply(const Batch& batch, torch::Device device,
                   const LossSecondMoment* losses = nullptr) const;

  const Process& process() const { return *process_; }

 private:
  void draw_timesteps(Batch& batch, int64_t first_place) const;
  void draw_noise(Batch& batch, int64_t first_place) const;
  void couple(Batch& batch) const;
  void leave_clean(Batch& batch, int64_t first_place) const;
  void drop_labels(Batch& batch, int64_t first_place) const;
  torch::Tensor weights(const Batch& batch) const;

  ProcessPtr process_;
  TrainConfig train_;
  double clean_share_;
  bool classifies_;
  bool conditional_;
  std::optional<int64_t> null_label_;
  uint64_t seed_;
};

}  // namespace ddpm
