#include "ddpm/train/gradient_pass.h"

#include <torch/types.h>

namespace ddpm {
namespace {

torch::Tensor like(const torch::Tensor& tensor) {
  return tensor.defined() ? torch::empty_like(tensor) : torch::Tensor();
}

}  // namespace

GradientPass::GradientPass(const TrainConfig& config, TrainingModel& model, GraphFactory graphs)
    : parts_(static_cast<double>(config.gradient_accumulation_steps)),
      model_(model),
      graphs_(std::move(graphs)) {}

torch::Tensor GradientPass::pass(const NoisyBatch& batch, bool first) {
  const auto loss =
      denoising_loss(model_.unet(), batch.x_t, batch.timesteps, batch.labels, batch.target) /
      parts_;
  loss.backward();
  const bool stay = parts_ == 1 && !graphs_ && loss.is_cpu();
  if (!stay) model_.take_gradients(first);
  return loss.detach();
}

GraphedWork GradientPass::make_work(const std::string& name, bool first) {
  return {graphs_, name, [this, first] {
            try {
              const auto loss = pass(inputs_, first);
              const torch::NoGradGuard no_grad;
              loss_.copy_(loss);
            } catch (...) {  // half a backward pass must not count in the next one
              model_.unet()->zero_grad();
              throw;
            }
          }};
}

void GradientPass::prepare(const NoisyBatch& batch) {
  inputs_ = {.x_t = like(batch.x_t),
             .timesteps = like(batch.timesteps),
             .labels = like(batch.labels),
             .target = like(batch.target)};
  loss_ = torch::zeros({}, batch.target.options());
  first_ = std::make_unique<GraphedWork>(make_work("training step", true));
  others_ = std::make_unique<GraphedWork>(make_work("further parts of a training step", false));
}

torch::Tensor GradientPass::run(const NoisyBatch& batch, bool first) {
  if (!graphs_) return pass(batch, first);
  if (!first_) prepare(batch);
  TORCH_CHECK(batch.x_t.sizes() == inputs_.x_t.sizes(), "micro-batches must have one shape");
  inputs_.x_t.copy_(batch.x_t);
  inputs_.timesteps.copy_(batch.timesteps);
  if (batch.labels.defined()) inputs_.labels.copy_(batch.labels);
  inputs_.target.copy_(batch.target);
  (first ? first_ : others_)->run();
  return loss_.clone();
}

}  // namespace ddpm
