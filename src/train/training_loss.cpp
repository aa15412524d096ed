#include "ddpm/train/training_loss.h"

#include <torch/types.h>

#include "ddpm/diffusion/loss.h"
#include "ddpm/diffusion/prediction.h"

namespace ddpm {

TrainingLoss::TrainingLoss(const Config& config, torch::Device device)
    : train_(config.train),
      diffusion_(config.diffusion),
      large_variance_(config.sample.variance_type == VarianceType::kFixedLarge) {
  if (train_.task == Task::kClassifier || train_.loss == Objective::kSimple) return;
  const NoiseSchedule schedule(diffusion_);
  const auto alpha_bars = torch::tensor(schedule.alpha_bars(), torch::kFloat64);
  alphas_ = alpha_bars.sqrt().to(device, torch::kFloat32);
  sigmas_ = (1 - alpha_bars).sqrt().to(device, torch::kFloat32);
  bound_.emplace(schedule, torch::device(device).dtype(torch::kFloat32));
}

torch::Tensor TrainingLoss::bound(const NoisyBatch& batch, const torch::Tensor& output,
                                  bool stop_mean) const {
  const int64_t channels = batch.x_t.size(1);
  const auto& steps = batch.timesteps;
  const auto answer = output.narrow(1, 0, channels);
  const auto at = [&](const torch::Tensor& table) {
    return table.index_select(0, steps).view({-1, 1, 1, 1});
  };
  const auto x0 = read_prediction(diffusion_.prediction_type, batch.x_t,
                                  stop_mean ? answer.detach() : answer, at(alphas_), at(sigmas_))
                      .x0;
  torch::Tensor log_variance;
  if (diffusion_.variance == Variance::kLearnedRange) {
    log_variance = bound_->learned_log_variance(output.narrow(1, channels, channels), steps);
  } else {
    log_variance =
        large_variance_ ? bound_->large_log_variance(steps) : bound_->small_log_variance(steps);
    log_variance = log_variance.expand_as(batch.x0);
  }
  const auto mean = bound_->posterior_mean(x0, batch.x_t, steps);
  const auto steps_count = static_cast<double>(bound_->steps());
  return steps_count * bound_->term(batch.x0, batch.x_t, steps, mean, log_variance);
}

BatchLoss TrainingLoss::classify(const NoisyBatch& batch, const torch::Tensor& logits) const {
  const auto images =
      torch::cross_entropy_loss(logits, batch.target, /*weight=*/{}, at::Reduction::None);
  const auto right = logits.detach().argmax(1) == batch.target;
  return {.images = images, .mean = images.mean(), .accuracy = right.to(torch::kFloat32).mean()};
}

BatchLoss TrainingLoss::operator()(const NoisyBatch& batch, const torch::Tensor& raw) const {
  const auto output = raw.to(torch::kFloat32);
  if (train_.task == Task::kClassifier) return classify(batch, output);
  BatchLoss loss;
  if (train_.loss == Objective::kVlb) {
    loss.images = bound(batch, output, /*stop_mean=*/false);
  } else {
    const auto answer = output.narrow(1, 0, batch.target.size(1));
    loss.images = prediction_error(train_, answer, batch.target);
    if (batch.weights.defined()) loss.images = loss.images * batch.weights;
  }
  if (train_.loss == Objective::kHybrid) {
    loss.images = loss.images + train_.vlb_weight * bound(batch, output, /*stop_mean=*/true);
  }
  loss.mean = (batch.importance.defined() ? loss.images * batch.importance : loss.images).mean();
  return loss;
}

}  // namespace ddpm
