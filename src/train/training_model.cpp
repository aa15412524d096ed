#include "ddpm/train/training_model.h"

#include <torch/types.h>

#include "ddpm/train/learning_rate.h"

namespace ddpm {

namespace {

torch::Tensor initial_weights(NetworkImpl& net, const FlatLayout& layout, uint64_t seed,
                              torch::Device device) {
  auto flat = torch::zeros({layout.size()}, torch::device(device));
  net.init_weights(seed);
  copy_parameters(net, layout, flat);
  return flat;
}

}  // namespace

TrainingModel::TrainingModel(std::shared_ptr<NetworkImpl> net, std::shared_ptr<NetworkImpl> ema_net,
                             uint64_t seed, torch::Device device, Precision precision)
    : net_(std::move(net)),
      ema_net_(std::move(ema_net)),
      layout_(*net_, kMemoryFormat),
      weights_(initial_weights(*net_, layout_, seed, device)),
      gradients_(torch::zeros_like(weights_)),
      ema_(weights_.clone()),
      exp_avg_(torch::zeros_like(weights_)),
      exp_avg_sq_(torch::zeros_like(weights_)),
      parameters_(*net_, layout_, weights_, precision),
      ema_parameters_(*ema_net_, layout_, ema_, precision) {
  ema_net_->eval();
}

void TrainingModel::take_gradients(bool first) {
  ddpm::take_gradients(*net_, layout_, gradients_, !first);
}

torch::Tensor TrainingModel::update(const TrainConfig& config, int64_t step, double lr) {
  const torch::NoGradGuard no_grad;
  const auto norm = gradients_.norm();
  if (config.max_grad_norm > 0) {
    gradients_.mul_((config.max_grad_norm / (norm + 1e-6)).clamp_max(1.0));
  }
  const auto found_inf = norm.isfinite().logical_not().to(torch::kFloat32);
  const auto adam_step = torch::full({}, static_cast<double>(step + 1), weights_.options());
  using FusedAdam =
      void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList,
               at::TensorList, double, double, double, double, double, bool, bool,
               const std::optional<torch::Tensor>&, const std::optional<torch::Tensor>&);
  const FusedAdam adam = config.optimizer == OptimizerType::kAdamW ? FusedAdam(at::_fused_adamw_)
                                                                   : FusedAdam(at::_fused_adam_);
  adam({weights_}, {gradients_}, {exp_avg_}, {exp_avg_sq_}, {}, {adam_step}, lr, config.adam_beta1,
       config.adam_beta2, config.weight_decay, config.adam_eps, /*amsgrad=*/false,
       /*maximize=*/false, /*grad_scale=*/std::nullopt, found_inf);
  ema_.lerp_(weights_, 1.0 - ema_decay(config, step));
  parameters_.refresh();
  return norm;
}

TrainingTensors TrainingModel::tensors() const {
  return {.ema = layout_.named_views(ema_),
          .weights = layout_.named_views(weights_),
          .exp_avg = layout_.named_views(exp_avg_),
          .exp_avg_sq = layout_.named_views(exp_avg_sq_)};
}

void TrainingModel::load(const TrainingTensors& tensors, const std::string& origin) {
  layout_.load(ema_, tensors.ema, origin + "/unet");
  layout_.load(weights_, tensors.weights, origin + "/training/unet");
  layout_.load(exp_avg_, tensors.exp_avg, origin + "/training/exp_avg");
  layout_.load(exp_avg_sq_, tensors.exp_avg_sq, origin + "/training/exp_avg_sq");
  parameters_.refresh();
  ema_parameters_.refresh();
}

}  // namespace ddpm
