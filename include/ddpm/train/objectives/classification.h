#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/train/noising.h"
#include "ddpm/train/objective.h"

namespace ddpm {

/// Trains a network to tell the class of a noisy image, and in `classifier.clean_share` of them of
/// an image without noise. The loss is the cross entropy in nats; the extra `accuracy` is the share
/// of right classes.
///
/// Inputs: `x_t` [N, C, H, W], as the network sees it (scaled, for EDM); `timesteps` [N], as the
/// network is told; `classes` [N] int64.
class Classification : public Objective {
 public:
  /// `config` must be complete (`complete_config`).
  Classification(const Config& config, torch::Device device);

  void draw(Batch& batch, int64_t first_place) const override;
  StepInputs prepare(Batch batch) const override;
  BatchLoss loss(NetworkImpl& network, const StepInputs& inputs) const override;
  std::vector<std::string> extras() const override { return {"accuracy"}; }

 private:
  void leave_clean(Batch& batch, int64_t first_place) const;

  Noising noising_;
  double clean_share_;
  uint64_t seed_;
  torch::Device device_;
};

/// Cross entropy of `logits` [N, classes] float32 and the share of rows whose highest logit is that
/// of `classes` [N] int64.
BatchLoss classification_loss(const torch::Tensor& logits, const torch::Tensor& classes);

}  // namespace ddpm
