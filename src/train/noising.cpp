#include "ddpm/train/noising.h"

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/util/random.h"

namespace ddpm {

Noising::Noising(const DiffusionConfig& diffusion, const ModelConfig& model, double label_dropout,
                 uint64_t seed)
    : prediction_type_(diffusion.prediction_type),
      num_train_timesteps_(diffusion.num_train_timesteps),
      conditional_(model.num_class_embeds.has_value()),
      null_label_(model.null_class_label),
      label_dropout_(label_dropout),
      seed_(seed) {
  const auto alpha_bars = torch::tensor(NoiseSchedule(diffusion).alpha_bars(), torch::kFloat64);
  alphas_ = alpha_bars.sqrt().to(torch::kFloat32);
  sigmas_ = (1 - alpha_bars).sqrt().to(torch::kFloat32);
}

void Noising::draw_timesteps(Batch& batch, int64_t first_place) const {
  batch.timesteps =
      torch::empty({batch.images.size(0)},
                   torch::TensorOptions(torch::kInt64).pinned_memory(batch.images.is_pinned()));
  auto* const out = batch.timesteps.data_ptr<int64_t>();
  for (int64_t i = 0; i < batch.timesteps.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kTimestep, static_cast<uint64_t>(first_place + i)};
    out[i] = random_below(key, num_train_timesteps_);
  }
}

void Noising::draw_noise(Batch& batch, int64_t first_place) const {
  batch.noise = torch::empty(batch.images.sizes(),
                             torch::TensorOptions().pinned_memory(batch.images.is_pinned()));
  const auto size = static_cast<size_t>(batch.noise.numel() / batch.noise.size(0));
  auto* out = batch.noise.data_ptr<float>();
  for (int64_t i = 0; i < batch.noise.size(0); ++i, out += size) {
    fill_normal({seed_, RandomPurpose::kTrainingNoise, static_cast<uint64_t>(first_place + i)},
                {out, size});
  }
}

void Noising::drop_labels(Batch& batch, int64_t first_place) const {
  if (!null_label_ || label_dropout_ <= 0) return;
  auto* const labels = batch.labels.data_ptr<int64_t>();
  for (int64_t i = 0; i < batch.labels.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kLabelDropout,
                        static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) < label_dropout_) labels[i] = *null_label_;
  }
}

void Noising::draw(Batch& batch, int64_t first_place) const {
  draw_timesteps(batch, first_place);
  draw_noise(batch, first_place);
  if (conditional_) drop_labels(batch, first_place);
}

NoisyBatch Noising::apply(const Batch& batch, torch::Device device) const {
  const torch::NoGradGuard no_grad;
  RECORD_FUNCTION("ddpm::noising", std::vector<c10::IValue>());
  // From pinned memory the copies run behind the host's back; LibTorch's allocator gives such
  // memory out again only once the copies from it are done.
  const auto move = [&](const torch::Tensor& tensor) { return tensor.to(device, true); };
  const auto per_image = [&](const torch::Tensor& table) {
    const auto values = table.index_select(0, batch.timesteps).view({-1, 1, 1, 1});
    return move(device.is_cuda() ? values.pin_memory() : values);
  };
  const auto x0 = move(batch.images);
  const auto eps = move(batch.noise);
  const auto alpha = per_image(alphas_);
  const auto sigma = per_image(sigmas_);
  return {.x_t = alpha * x0 + sigma * eps,
          .timesteps = move(batch.timesteps),
          .labels = conditional_ ? move(batch.labels) : torch::Tensor(),
          .target = training_target(prediction_type_, x0, eps, alpha, sigma)};
}

}  // namespace ddpm
