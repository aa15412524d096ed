#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/objective.h"
#include "ddpm/train/objectives/prediction_loss.h"

namespace ddpm {

/// Trains a network to tell image and noise apart.
///
/// | input      |                                                                                |
/// |------------|--------------------------------------------------------------------------------|
/// | x_t        | [N, C, H, W], as the network sees it (scaled, for EDM)                         |
/// | timesteps  | [N], as the network is told                                                    |
/// | target     | [N, C, H, W], what it should answer                                            |
/// | labels     | [N] int64, for a network with classes, some of them dropped                    |
/// | augment    | [N, augment_labels] float32, how x0 was augmented, for a network told of it    |
/// | x0         | [N, C, H, W], for the variational bound                                        |
/// | weights    | [N] float32, of each image's loss, if `train.loss_weighting` asks for them     |
/// | importance | [N] float32, what the timestep sampler loss_second_moment asks for             |
class Denoising : public Objective {
 public:
  /// `config` must be complete (`complete_config`).
  Denoising(const Config& config, torch::Device device);

  void draw(Batch& batch, int64_t first_place) const override;
  StepInputs prepare(Batch batch) const override;
  BatchLoss loss(NetworkImpl& network, const StepInputs& inputs) const override;
  void note(const StepInputs& inputs, const torch::Tensor& each) override;
  void end_step(Ranks& ranks) override;
  /// What the timestep sampler has learned.
  NamedTensors state() const override;
  void load_state(const NamedTensors& state, const std::string& origin) override;

 private:
  void drop_labels(Batch& batch, int64_t first_place) const;
  torch::Tensor weights(const torch::Tensor& timesteps) const;
  torch::Tensor importance(const torch::Tensor& timesteps) const;

  Noising noising_;
  PredictionLoss loss_;
  TrainConfig train_;
  torch::Device device_;
  bool conditional_;
  bool augmented_;
  std::optional<int64_t> null_label_;
  std::optional<LossSecondMoment> losses_;      // for loss_second_moment
  std::vector<torch::Tensor> noted_timesteps_;  // of this step, one a micro-batch
  std::vector<torch::Tensor> noted_losses_;
};

}  // namespace ddpm
