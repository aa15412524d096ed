#include "ddpm/sample/noisy_classifier.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <torch/autograd.h>
#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"

namespace ddpm {
namespace {

Classifier load_classifier(const ModelFolder& folder, torch::Device device) {
  auto net = std::dynamic_pointer_cast<ClassifierImpl>(load_network(folder, device));
  TORCH_CHECK(net != nullptr, "the folder of a classifier must hold one");
  return Classifier(std::move(net));
}

}  // namespace

NoisyClassifier::NoisyClassifier(Classifier net, const DiffusionConfig& diffusion,
                                 torch::Device device)
    : net_(std::move(net)),
      process_(make_process(diffusion)),
      device_(device) {
  net_->eval();
}

NoisyClassifier::NoisyClassifier(const ModelFolder& folder, torch::Device device)
    : NoisyClassifier(load_classifier(folder, device), folder.diffusion, device) {}

NoisyClassifier::NoisyClassifier(const std::filesystem::path& path, torch::Device device)
    : NoisyClassifier(open_model_folder(resolve_checkpoint(path), NetworkUse::kClassify), device) {}

NoisyClassifier::Input NoisyClassifier::input_at(const NoiseLevel& level) const {
  const auto known = process_->level_of_ratio(level.ratio());
  const double timestep = std::max(known.t, process_->clean_level().t);
  return {known.alpha / level.alpha * process_->input_scale(known), timestep};
}

NoisyClassifier::Input NoisyClassifier::clean_input() const {
  const auto clean = process_->clean_level();
  return {clean.alpha * process_->input_scale(clean), clean.t};
}

torch::Tensor NoisyClassifier::told(double timestep, int64_t images) const {
  return torch::full({images}, timestep, torch::device(device_).dtype(torch::kFloat32));
}

torch::Tensor NoisyClassifier::logits(const torch::Tensor& x, const NoiseLevel& level) {
  const auto [scale, timestep] = input_at(level);
  return net_->forward(scale * x, told(timestep, x.size(0)));
}

torch::Tensor NoisyClassifier::logits(const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const auto [scale, timestep] = clean_input();
  return net_->forward(scale * images.to(device_), told(timestep, images.size(0)));
}

torch::Tensor NoisyClassifier::features(const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const auto [scale, timestep] = clean_input();
  return net_->features(scale * images.to(device_), told(timestep, images.size(0)));
}

torch::Tensor NoisyClassifier::logits_of(const torch::Tensor& features) {
  const torch::NoGradGuard no_grad;
  return net_->logits_of(features);
}

torch::Tensor NoisyClassifier::gradient(const torch::Tensor& x, const NoiseLevel& level,
                                        const torch::Tensor& labels) {
  if (level.alpha == 0) return torch::zeros_like(x);
  const torch::AutoGradMode with_grad(true);
  const auto input = x.detach().clone().requires_grad_();
  const auto log_probability = torch::log_softmax(logits(input, level), 1);
  const auto wanted = log_probability.gather(1, labels.view({-1, 1})).sum();
  return torch::autograd::grad({wanted}, {input}).at(0);
}

}  // namespace ddpm
