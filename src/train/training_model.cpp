#include "ddpm/train/training_model.h"

#include <cmath>
#include <string>

#include <torch/types.h>

#include "ddpm/kernels/muon.h"
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

bool is_for_muon(ParameterRole role) {
  return role == ParameterRole::kMatrix || role == ParameterRole::kResidualEnd;
}

TrainingModel::TrainingModel(const std::function<Network()>& make_network, uint64_t seed,
                             torch::Device device, Precision precision)
    : net_(make_network()),
      layout_(*net_, kMemoryFormat),
      roles_(parameter_roles(*net_)),
      weights_(initial_weights(*net_, layout_, seed, device)),
      parameters_(*net_, layout_, weights_, precision),
      ema_net_(make_network()),
      ema_(weights_.clone()),
      ema_parameters_(*ema_net_, layout_, ema_, precision),
      exp_avg_(torch::zeros_like(weights_)),
      exp_avg_sq_(torch::zeros_like(weights_)) {
  ema_net_->eval();
  parameters_.refresh();
}

void TrainingModel::take_gradients(bool first) {
  if (!gradients_.defined()) gradients_ = torch::zeros_like(weights_);
  ddpm::take_gradients(*net_, layout_, gradients_, !first);
}

std::vector<GradientPart> TrainingModel::gradient_parts() {
  if (!gradients_.defined()) return ddpm::gradient_parts(*net_, layout_);
  std::vector<GradientPart> parts;
  const auto views = layout_.views(gradients_);
  for (size_t i = 0; i < views.size(); ++i)
    parts.push_back({views[i], layout_.offset(i)});
  return parts;
}

std::vector<GradientPart> TrainingModel::adam_parts() {
  if (gradients_.defined() && !gradients_.is_cpu()) return {{gradients_, 0}};
  return gradient_parts();
}

torch::Tensor TrainingModel::muon_and_adam_step(const AdamTensors& tensors,
                                                const TrainConfig& config, AdamOptions adam) {
  const auto parts = gradient_parts();
  adam.norm = gradient_norm(parts);
  std::vector<GradientPart> matrices;
  std::vector<GradientPart> others;
  for (size_t i = 0; i < parts.size(); ++i)
    (is_for_muon(roles_[i]) ? matrices : others).push_back(parts[i]);
  if (!matrices.empty()) {
    muon_step(tensors, matrices,
              {.lr = adam.lr,
               .momentum = config.muon_momentum,
               .weight_decay = adam.weight_decay,
               .max_grad_norm = adam.max_grad_norm,
               .ema_decay = adam.ema_decay,
               .norm = adam.norm,
               .loss = adam.loss});
  }
  return adam_step(tensors, others, adam);
}

torch::Tensor TrainingModel::update(const TrainConfig& config, int64_t step, double lr,
                                    const torch::Tensor& loss) {
  const AdamOptions options{.lr = lr,
                            .beta1 = config.adam_beta1,
                            .beta2 = config.adam_beta2,
                            .eps = config.adam_eps,
                            .weight_decay = config.weight_decay,
                            .decoupled_decay = config.optimizer != OptimizerType::kAdam,
                            .step = step + 1,
                            .max_grad_norm = config.max_grad_norm,
                            .ema_decay = ema_decay(config, step),
                            .loss = loss};
  const AdamTensors tensors{.weights = weights_,
                            .exp_avg = exp_avg_,
                            .exp_avg_sq = exp_avg_sq_,
                            .ema = ema_,
                            .bf16_weights = parameters_.copy()};
  const auto norm = config.optimizer == OptimizerType::kMuon
                        ? muon_and_adam_step(tensors, config, options)
                        : adam_step(tensors, adam_parts(), options);
  for (auto& parameter : net_->parameters())
    parameter.mutable_grad().reset();
  return norm;
}

bool TrainingModel::is_finite() const {
  return std::isfinite(weights_.sum().item<double>());
}

TrainingTensors TrainingModel::tensors() const {
  return {.ema = layout_.named_views(ema_),
          .weights = layout_.named_views(weights_),
          .exp_avg = layout_.named_views(exp_avg_),
          .exp_avg_sq = layout_.named_views(exp_avg_sq_)};
}

void TrainingModel::begin_with(const NamedTensors& weights, const std::string& origin) {
  layout_.load(weights_, weights, origin);
  ema_.copy_(weights_);
  parameters_.refresh();
}

void TrainingModel::load(const TrainingTensors& tensors, const std::string& origin) {
  layout_.load(ema_, tensors.ema, origin);
  layout_.load(weights_, tensors.weights, origin + "/training");
  layout_.load(exp_avg_, tensors.exp_avg, origin + "/training/exp_avg");
  layout_.load(exp_avg_sq_, tensors.exp_avg_sq, origin + "/training/exp_avg_sq");
  parameters_.refresh();
}

}  // namespace ddpm
