#include "ddpm/train/objectives/denoising.h"

#include <cmath>
#include <span>

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/diffusion/loss.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {

Denoising::Denoising(const Config& config, torch::Device device)
    : noising_(config.diffusion, config.train),
      loss_(config, device),
      train_(config.train),
      device_(device),
      conditional_(config.signature.classes > 0),
      augmented_(config.signature.augment_labels > 0),
      null_label_(config.signature.null_label) {
  if (train_.timestep_sampler == TimestepSampler::kLossSecondMoment) {
    losses_.emplace(config.diffusion.num_train_timesteps);
  }
}

void Denoising::drop_labels(Batch& batch, int64_t first_place) const {
  if (!null_label_ || train_.label_dropout <= 0) return;
  auto* const labels = batch.labels.data_ptr<int64_t>();
  for (int64_t i = 0; i < batch.labels.size(0); ++i) {
    const RandomKey key{static_cast<uint64_t>(train_.seed), RandomPurpose::kLabelDropout,
                        static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) < train_.label_dropout) labels[i] = *null_label_;
  }
}

void Denoising::draw(Batch& batch, int64_t first_place) const {
  noising_.draw(batch, first_place);
  if (conditional_) drop_labels(batch, first_place);
}

torch::Tensor Denoising::weights(const torch::Tensor& timesteps) const {
  const auto& process = noising_.process();
  const auto exact = timesteps.to(torch::kFloat64);
  const auto* const t = exact.data_ptr<double>();
  auto weights = torch::empty({exact.size(0)});
  auto* const out = weights.data_ptr<float>();
  for (int64_t i = 0; i < weights.size(0); ++i) {
    const auto level = process.level_at(t[i]);
    const double snr = std::pow(level.alpha / level.sigma, 2);
    out[i] = static_cast<float>(loss_weight(train_, snr, process.error_factors(level)));
  }
  return weights;
}

torch::Tensor Denoising::importance(const torch::Tensor& timesteps) const {
  auto importance = torch::empty({timesteps.size(0)});
  const auto* const t = timesteps.data_ptr<int64_t>();
  for (int64_t i = 0; i < importance.size(0); ++i)
    importance.data_ptr<float>()[i] = static_cast<float>(losses_->weight(t[i]));
  return importance;
}

StepInputs Denoising::prepare(Batch batch) const {
  const torch::NoGradGuard no_grad;
  RECORD_FUNCTION("ddpm::noising", std::vector<c10::IValue>());
  if (losses_) noising_.draw_timesteps(batch, *losses_);
  const auto noised = noising_.apply(batch, device_);
  const auto& timesteps = batch.drawn.at("timesteps");
  StepInputs inputs{{"x_t", noised.x_t},
                    {"timesteps", noised.timesteps},
                    {"target", noising_.process().target(noised.levels, noised.x0, noised.eps)}};
  if (conditional_) inputs["labels"] = to_device(batch.labels, device_);
  if (augmented_) inputs["augment"] = to_device(batch.augment, device_);
  if (train_.loss != DenoisingLoss::kSimple) inputs["x0"] = noised.x0;
  if (train_.loss_weighting != LossWeighting::kNone)
    inputs["weights"] = to_device(weights(timesteps), device_);
  if (losses_) inputs["importance"] = to_device(importance(timesteps), device_);
  return inputs;
}

BatchLoss Denoising::loss(NetworkImpl& network, const StepInputs& inputs) const {
  const Conditioning conditioning{.labels = input_or_none(inputs, "labels"),
                                  .augment = input_or_none(inputs, "augment")};
  return loss_(inputs, network.forward(inputs.at("x_t"), inputs.at("timesteps"), conditioning));
}

void Denoising::note(const StepInputs& inputs, const torch::Tensor& each) {
  if (!losses_) return;
  noted_timesteps_.push_back(inputs.at("timesteps"));
  noted_losses_.push_back(each);
}

void Denoising::end_step(Ranks& ranks) {
  if (!losses_) return;
  const auto all = [&](std::vector<torch::Tensor>& noted, torch::ScalarType type) {
    const auto rows = gather(ranks, torch::stack(noted)).to(torch::kCPU, type).flatten();
    noted.clear();
    return rows;
  };
  const auto timesteps = all(noted_timesteps_, torch::kInt64);
  const auto losses = all(noted_losses_, torch::kFloat64);
  const auto count = static_cast<size_t>(timesteps.numel());
  losses_->update({timesteps.data_ptr<int64_t>(), count}, {losses.data_ptr<double>(), count});
}

NamedTensors Denoising::state() const {
  if (!losses_) return {};
  return {{"losses", losses_->history()}, {"counts", losses_->counts()}};
}

void Denoising::load_state(const NamedTensors& state, const std::string& origin) {
  if (!losses_) return;
  const auto losses = state.find("losses");
  const auto counts = state.find("counts");
  if (losses == state.end() || counts == state.end()) {
    throw CheckpointError(origin, ": the losses seen by train.timestep_sampler are missing");
  }
  losses_->load(losses->second, counts->second, origin);
}

}  // namespace ddpm
