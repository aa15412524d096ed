#include "ddpm/train/noising.h"

#include <ATen/Parallel.h>
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

torch::Tensor Noising::draw_timesteps(int64_t count, int64_t first_place) const {
  auto timesteps = torch::empty({count}, torch::kInt64);
  for (int64_t i = 0; i < count; ++i) {
    const RandomKey key{seed_, RandomPurpose::kTimestep, static_cast<uint64_t>(first_place + i)};
    timesteps.data_ptr<int64_t>()[i] = random_below(key, num_train_timesteps_);
  }
  return timesteps;
}

torch::Tensor Noising::draw_noise(const torch::Tensor& like, int64_t first_place) const {
  auto noise = torch::empty(like.sizes());
  const int64_t size = noise.numel() / noise.size(0);
  auto* const out = noise.data_ptr<float>();
  at::parallel_for(0, noise.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      fill_normal({seed_, RandomPurpose::kTrainingNoise, static_cast<uint64_t>(first_place + i)},
                  {out + i * size, static_cast<size_t>(size)});
    }
  });
  return noise;
}

torch::Tensor Noising::drop_labels(const torch::Tensor& labels, int64_t first_place) const {
  if (!null_label_ || label_dropout_ <= 0) return labels;
  auto kept = labels.clone();
  for (int64_t i = 0; i < kept.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kLabelDropout,
                        static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) < label_dropout_) kept.data_ptr<int64_t>()[i] = *null_label_;
  }
  return kept;
}

NoisyBatch Noising::apply(const Batch& batch, int64_t first_place, torch::Device device) const {
  const torch::NoGradGuard no_grad;
  const auto move = [&](const torch::Tensor& tensor) { return tensor.to(device, true); };
  const auto timesteps = draw_timesteps(batch.images.size(0), first_place);
  const auto per_image = [&](const torch::Tensor& table) {
    return move(table.index_select(0, timesteps).view({-1, 1, 1, 1}));
  };
  const auto x0 = move(batch.images);
  const auto eps = move(draw_noise(batch.images, first_place));
  const auto alpha = per_image(alphas_);
  const auto sigma = per_image(sigmas_);
  return {.x_t = alpha * x0 + sigma * eps,
          .timesteps = move(timesteps),
          .labels = conditional_ ? move(drop_labels(batch.labels, first_place)) : torch::Tensor(),
          .target = training_target(prediction_type_, x0, eps, alpha, sigma)};
}

}  // namespace ddpm
