#include "ddpm/train/objectives/prediction_loss.h"

#include <torch/types.h>

#include "ddpm/diffusion/loss.h"
#include "ddpm/diffusion/prediction.h"

namespace ddpm {

PredictionLoss::PredictionLoss(const Config& config, torch::Device device)
    : train_(config.train),
      diffusion_(config.diffusion),
      large_variance_(config.sample.variance_type == VarianceType::kFixedLarge) {
  if (train_.loss == DenoisingLoss::kSimple) return;
  const NoiseSchedule schedule(diffusion_);
  const auto alpha_bars = torch::tensor(schedule.alpha_bars(), torch::kFloat64);
  alphas_ = alpha_bars.sqrt().to(device, torch::kFloat32);
  sigmas_ = (1 - alpha_bars).sqrt().to(device, torch::kFloat32);
  bound_.emplace(schedule, torch::device(device).dtype(torch::kFloat32));
}

torch::Tensor PredictionLoss::bound(const StepInputs& inputs, const torch::Tensor& output,
                                    bool stop_mean) const {
  const auto& x0 = inputs.at("x0");
  const auto& x_t = inputs.at("x_t");
  const auto& steps = inputs.at("timesteps");
  const int64_t channels = x_t.size(1);
  const auto answer = output.narrow(1, 0, channels);
  const auto at = [&](const torch::Tensor& table) {
    return table.index_select(0, steps).view({-1, 1, 1, 1});
  };
  const auto predicted =
      read_prediction(diffusion_.prediction_type, x_t, stop_mean ? answer.detach() : answer,
                      at(alphas_), at(sigmas_))
          .x0;
  torch::Tensor log_variance;
  if (diffusion_.variance == Variance::kLearnedRange) {
    log_variance = bound_->learned_log_variance(output.narrow(1, channels, channels), steps);
  } else {
    log_variance =
        large_variance_ ? bound_->large_log_variance(steps) : bound_->small_log_variance(steps);
    log_variance = log_variance.expand_as(x0);
  }
  const auto mean = bound_->posterior_mean(predicted, x_t, steps);
  const auto steps_count = static_cast<double>(bound_->steps());
  return steps_count * bound_->term(x0, x_t, steps, mean, log_variance);
}

BatchLoss PredictionLoss::operator()(const StepInputs& inputs, const torch::Tensor& raw) const {
  const auto output = raw.to(torch::kFloat32);
  BatchLoss loss;
  if (train_.loss == DenoisingLoss::kVlb) {
    loss.each = bound(inputs, output, /*stop_mean=*/false);
  } else {
    const auto& target = inputs.at("target");
    loss.each = prediction_error(train_, output.narrow(1, 0, target.size(1)), target);
    const auto weights = input_or_none(inputs, "weights");
    if (weights.defined()) loss.each = loss.each * weights;
  }
  if (train_.loss == DenoisingLoss::kHybrid) {
    loss.each = loss.each + train_.vlb_weight * bound(inputs, output, /*stop_mean=*/true);
  }
  const auto importance = input_or_none(inputs, "importance");
  loss.mean = (importance.defined() ? loss.each * importance : loss.each).mean();
  return loss;
}

}  // namespace ddpm
