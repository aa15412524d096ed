#include "ddpm/train/gradient_pass.h"

#include <utility>

#include <torch/types.h>

namespace ddpm {
namespace {

/// A loss of these extras for `images` images, all zeros.
BatchLoss zero_loss(const std::vector<std::string>& extras, int64_t images, torch::Device device) {
  const auto floats = torch::dtype(torch::kFloat32).device(device);
  BatchLoss loss{.each = torch::zeros({images}, floats), .mean = torch::zeros({}, floats)};
  for (const auto& name : extras)
    loss.extras[name] = torch::zeros({}, floats);
  return loss;
}

void copy_loss(const BatchLoss& to, const BatchLoss& from) {
  const torch::NoGradGuard no_grad;
  to.each.copy_(from.each);
  to.mean.copy_(from.mean);
  for (const auto& [name, value] : to.extras)
    value.copy_(from.extras.at(name));
}

BatchLoss clone_of(const BatchLoss& loss) {
  BatchLoss clone{.each = loss.each.clone(), .mean = loss.mean.clone()};
  for (const auto& [name, value] : loss.extras)
    clone.extras[name] = value.clone();
  return clone;
}

}  // namespace

GradientPass::GradientPass(const Objective& objective, TrainingModel& model, int64_t parts,
                           GraphFactory graphs)
    : objective_(objective),
      model_(model),
      parts_(static_cast<double>(parts)),
      graphs_(std::move(graphs)) {}

BatchLoss GradientPass::pass(const StepInputs& inputs, bool first) {
  auto loss = objective_.loss(*model_.net(), inputs);
  const auto share = loss.mean / parts_;
  share.backward();
  const bool stay = parts_ == 1 && !graphs_ && share.is_cpu();
  if (!stay) model_.take_gradients(first);
  for (auto& [name, value] : loss.extras)
    value = value / parts_;
  return {.each = loss.each.detach(), .mean = share.detach(), .extras = std::move(loss.extras)};
}

GraphedWork GradientPass::make_work(const std::string& name, bool first) {
  return {graphs_, name, [this, first] {
            try {
              copy_loss(outcome_, pass(inputs_, first));
            } catch (...) {  // half a backward pass must not count in the next one
              model_.net()->zero_grad();
              throw;
            }
          }};
}

void GradientPass::prepare(const StepInputs& inputs) {
  for (const auto& [name, input] : inputs)
    inputs_[name] = torch::empty_like(input);
  const auto& any = inputs.begin()->second;
  outcome_ = zero_loss(objective_.extras(), any.size(0), any.device());
  first_ = std::make_unique<GraphedWork>(make_work("training step", true));
  others_ = std::make_unique<GraphedWork>(make_work("further parts of a training step", false));
}

void GradientPass::take_inputs(const StepInputs& inputs) {
  TORCH_CHECK(inputs.size() == inputs_.size(), "micro-batches must have the same inputs");
  for (const auto& [name, input] : inputs) {
    auto& stays = inputs_.at(name);
    TORCH_CHECK(input.sizes() == stays.sizes(), "micro-batches must have one shape");
    stays.copy_(input);
  }
}

BatchLoss GradientPass::run(const StepInputs& inputs, bool first) {
  if (!graphs_) return pass(inputs, first);
  if (!first_) prepare(inputs);
  take_inputs(inputs);
  (first ? first_ : others_)->run();
  return clone_of(outcome_);  // the next run writes it again
}

}  // namespace ddpm
