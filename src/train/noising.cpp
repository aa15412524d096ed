#include "ddpm/train/noising.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/diffusion/assignment.h"
#include "ddpm/diffusion/loss.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

std::span<float> floats(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

torch::TensorOptions like(const torch::Tensor& images, torch::ScalarType type) {
  return torch::TensorOptions(type).pinned_memory(images.is_pinned());
}

}  // namespace

Noising::Noising(const Config& config)
    : process_(make_process(config.diffusion)),
      train_(config.train),
      clean_share_(config.classifier.clean_share),
      classifies_(config.train.task == Task::kClassifier),
      conditional_(!classifies_ && config.model.num_class_embeds.has_value()),
      null_label_(config.model.null_class_label),
      seed_(static_cast<uint64_t>(config.train.seed)) {}

void Noising::draw_timesteps(Batch& batch, int64_t first_place) const {
  const int64_t count = batch.images.size(0);
  const bool later = train_.timestep_sampler == TimestepSampler::kLossSecondMoment;
  auto values = torch::empty({count}, torch::kFloat64);
  auto* const out = values.data_ptr<double>();
  for (int64_t i = 0; i < count; ++i) {
    const double unit = draw_unit(train_, seed_, first_place + i);
    out[i] = later ? unit : process_->drawn_timestep(train_, unit);
  }
  if (later) {
    batch.units = values;
    return;
  }
  if (process_->chain() == nullptr) {
    batch.timesteps = values;
    return;
  }
  batch.timesteps = torch::empty({count}, like(batch.images, torch::kInt64));
  std::copy_n(out, count, batch.timesteps.data_ptr<int64_t>());
}

void Noising::draw_timesteps(Batch& batch, const LossSecondMoment& losses) const {
  const int64_t count = batch.images.size(0);
  batch.timesteps = torch::empty({count}, like(batch.images, torch::kInt64));
  const auto* const units = batch.units.data_ptr<double>();
  auto* const out = batch.timesteps.data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i)
    out[i] = losses.timestep(units[i]);
}

void Noising::draw_noise(Batch& batch, int64_t first_place) const {
  batch.noise = torch::empty(batch.images.sizes(), like(batch.images, torch::kFloat32));
  const auto noise = floats(batch.noise);
  const auto images = static_cast<size_t>(batch.noise.size(0));
  const auto channels = static_cast<size_t>(batch.noise.size(1));
  const size_t size = noise.size() / images;
  const size_t pixels = size / channels;
  std::vector<float> offsets(channels);
  for (size_t i = 0; i < images; ++i) {
    const auto place = static_cast<uint64_t>(first_place) + i;
    const auto image = noise.subspan(i * size, size);
    fill_normal({seed_, RandomPurpose::kTrainingNoise, place}, image);
    if (train_.noise_offset == 0) continue;
    fill_normal({seed_, RandomPurpose::kNoiseOffset, place}, offsets);
    for (size_t j = 0; j < size; ++j)
      image[j] += static_cast<float>(train_.noise_offset) * offsets[j / pixels];
  }
}

/// Gives each image the noise that makes the paths of the batch shortest together (Pooladian et
/// al., Tong et al., 2023). Images and labels stay where they are.
void Noising::couple(Batch& batch) const {
  const int64_t count = batch.images.size(0);
  const int64_t size = batch.images.numel() / count;
  const auto noise = floats(batch.noise);
  const auto partner =
      cheapest_assignment(squared_distances(floats(batch.images), noise, size), count);
  const std::vector<float> drawn(noise.begin(), noise.end());
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(drawn.begin() + partner[static_cast<size_t>(i)] * size, size,
                noise.begin() + i * size);
}

/// Takes the noise out of a share of a classifier's images.
void Noising::leave_clean(Batch& batch, int64_t first_place) const {
  const auto noise = floats(batch.noise);
  const int64_t size = batch.noise.numel() / batch.noise.size(0);
  for (int64_t i = 0; i < batch.images.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kCleanImage, static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) >= clean_share_) continue;
    std::fill_n(noise.begin() + i * size, size, 0.0F);
    const double t = process_->clean_level().t;
    if (process_->chain() != nullptr) {
      batch.timesteps.data_ptr<int64_t>()[i] = static_cast<int64_t>(t);
    } else {
      batch.timesteps.data_ptr<double>()[i] = t;
    }
  }
}

void Noising::drop_labels(Batch& batch, int64_t first_place) const {
  if (!null_label_ || train_.label_dropout <= 0) return;
  auto* const labels = batch.labels.data_ptr<int64_t>();
  for (int64_t i = 0; i < batch.labels.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kLabelDropout,
                        static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) < train_.label_dropout) labels[i] = *null_label_;
  }
}

void Noising::draw(Batch& batch, int64_t first_place) const {
  draw_timesteps(batch, first_place);
  draw_noise(batch, first_place);
  if (train_.coupling == Coupling::kOptimalTransport) couple(batch);
  if (classifies_) leave_clean(batch, first_place);
  if (conditional_) drop_labels(batch, first_place);
}

torch::Tensor Noising::weights(const Batch& batch) const {
  if (classifies_ || train_.loss_weighting == LossWeighting::kNone) return {};
  const auto timesteps = batch.timesteps.to(torch::kFloat64);
  const auto* const t = timesteps.data_ptr<double>();
  auto weights = torch::empty({timesteps.size(0)});
  auto* const out = weights.data_ptr<float>();
  for (int64_t i = 0; i < weights.size(0); ++i) {
    const auto level = process_->level_at(t[i]);
    const double snr = std::pow(level.alpha / level.sigma, 2);
    out[i] = static_cast<float>(loss_weight(train_, snr, process_->error_factors(level)));
  }
  return weights;
}

NoisyBatch Noising::apply(const Batch& batch, torch::Device device,
                          const LossSecondMoment* losses) const {
  const torch::NoGradGuard no_grad;
  RECORD_FUNCTION("ddpm::noising", std::vector<c10::IValue>());
  // From pinned memory the copies run behind the host's back; LibTorch's allocator gives such
  // memory out again only once the copies from it are done.
  const auto move = [&](const torch::Tensor& tensor) {
    return tensor.defined() ? tensor.to(device, true) : tensor;
  };
  const auto x0 = move(batch.images);
  const auto eps = move(batch.noise);
  const auto levels = process_->levels_at(batch.timesteps);
  const NoiseLevels on_device{move(levels.alpha), move(levels.sigma), {}};
  const bool told_exactly = batch.timesteps.scalar_type() == torch::kInt64;
  NoisyBatch noisy{
      .x_t = add_noise(on_device, x0, eps),
      .timesteps = move(told_exactly ? batch.timesteps : batch.timesteps.to(torch::kFloat32)),
      .labels = conditional_ ? move(batch.labels) : torch::Tensor(),
      .target = classifies_ ? move(batch.labels) : process_->target(on_device, x0, eps),
      .x0 = train_.loss == Objective::kSimple ? torch::Tensor() : x0,
      .weights = move(weights(batch)),
      .importance = {}};
  if (process_->scales_input()) noisy.x_t = noisy.x_t * move(process_->input_scale(levels));
  if (losses == nullptr) return noisy;
  auto importance = torch::empty({batch.timesteps.size(0)});
  const auto* const t = batch.timesteps.data_ptr<int64_t>();
  for (int64_t i = 0; i < importance.size(0); ++i)
    importance.data_ptr<float>()[i] = static_cast<float>(losses->weight(t[i]));
  noisy.importance = move(importance);
  return noisy;
}

}  // namespace ddpm
