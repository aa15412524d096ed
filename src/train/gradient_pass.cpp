#include "ddpm/train/gradient_pass.h"

#include <torch/types.h>

namespace ddpm {
namespace {

constexpr torch::Tensor NoisyBatch::*kInputs[] = {
    &NoisyBatch::x_t, &NoisyBatch::timesteps, &NoisyBatch::labels,    &NoisyBatch::target,
    &NoisyBatch::x0,  &NoisyBatch::weights,   &NoisyBatch::importance};
constexpr torch::Tensor BatchLoss::*kOutcomes[] = {&BatchLoss::images, &BatchLoss::mean,
                                                   &BatchLoss::accuracy};

void copy_if_defined(torch::Tensor& to, const torch::Tensor& from) {
  if (from.defined()) to.copy_(from);
}

}  // namespace

GradientPass::GradientPass(const Config& config, TrainingModel& model, torch::Device device,
                           GraphFactory graphs)
    : parts_(static_cast<double>(config.train.gradient_accumulation_steps)),
      model_(model),
      loss_(config, device),
      graphs_(std::move(graphs)) {}

BatchLoss GradientPass::pass(const NoisyBatch& batch, bool first) {
  const auto loss = loss_(batch, model_.net()->forward(batch.x_t, batch.timesteps, batch.labels));
  const auto share = loss.mean / parts_;
  share.backward();
  const bool stay = parts_ == 1 && !graphs_ && share.is_cpu();
  if (!stay) model_.take_gradients(first);
  return {.images = loss.images.detach(),
          .mean = share.detach(),
          .accuracy = loss.accuracy.defined() ? loss.accuracy / parts_ : torch::Tensor()};
}

GraphedWork GradientPass::make_work(const std::string& name, bool first) {
  return {graphs_, name, [this, first] {
            try {
              const auto loss = pass(inputs_, first);
              const torch::NoGradGuard no_grad;
              for (const auto outcome : kOutcomes)
                copy_if_defined(outcome_.*outcome, loss.*outcome);
            } catch (...) {  // half a backward pass must not count in the next one
              model_.net()->zero_grad();
              throw;
            }
          }};
}

void GradientPass::prepare(const NoisyBatch& batch) {
  for (const auto input : kInputs)
    if ((batch.*input).defined()) inputs_.*input = torch::empty_like(batch.*input);
  const auto floats = torch::dtype(torch::kFloat32).device(batch.x_t.device());
  outcome_ = {.images = torch::zeros({batch.x_t.size(0)}, floats),
              .mean = torch::zeros({}, floats),
              .accuracy = batch.target.dim() == 1 ? torch::zeros({}, floats) : torch::Tensor()};
  first_ = std::make_unique<GraphedWork>(make_work("training step", true));
  others_ = std::make_unique<GraphedWork>(make_work("further parts of a training step", false));
}

BatchLoss GradientPass::run(const NoisyBatch& batch, bool first) {
  if (!graphs_) return pass(batch, first);
  if (!first_) prepare(batch);
  TORCH_CHECK(batch.x_t.sizes() == inputs_.x_t.sizes(), "micro-batches must have one shape");
  for (const auto input : kInputs)
    copy_if_defined(inputs_.*input, batch.*input);
  (first ? first_ : others_)->run();
  BatchLoss loss;  // the next run writes the outcome again
  for (const auto outcome : kOutcomes)
    if ((outcome_.*outcome).defined()) loss.*outcome = (outcome_.*outcome).clone();
  return loss;
}

}  // namespace ddpm
