#include "ddpm/train/noising.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <torch/types.h>

#include "ddpm/diffusion/assignment.h"
#include "ddpm/train/objective.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

std::span<float> floats(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

torch::TensorOptions like(const torch::Tensor& x, torch::ScalarType type) {
  return torch::TensorOptions(type).pinned_memory(x.is_pinned());
}

}  // namespace

Noising::Noising(const DiffusionConfig& diffusion, const TrainConfig& train)
    : process_(make_process(diffusion)),
      train_(train),
      seed_(static_cast<uint64_t>(train.seed)) {}

void Noising::draw_timesteps(Batch& batch, int64_t first_place) const {
  const int64_t count = batch.x.size(0);
  const bool later = train_.timestep_sampler == TimestepSampler::kLossSecondMoment;
  auto values = torch::empty({count}, torch::kFloat64);
  auto* const out = values.data_ptr<double>();
  for (int64_t i = 0; i < count; ++i) {
    const double unit = draw_unit(train_, seed_, first_place + i);
    out[i] = later ? unit : process_->drawn_timestep(train_, unit);
  }
  if (later) {
    batch.drawn["units"] = values;
    return;
  }
  if (process_->chain() == nullptr) {
    batch.drawn["timesteps"] = values;
    return;
  }
  auto timesteps = torch::empty({count}, like(batch.x, torch::kInt64));
  std::copy_n(out, count, timesteps.data_ptr<int64_t>());
  batch.drawn["timesteps"] = timesteps;
}

void Noising::draw_timesteps(Batch& batch, const LossSecondMoment& losses) const {
  const int64_t count = batch.x.size(0);
  auto timesteps = torch::empty({count}, like(batch.x, torch::kInt64));
  const auto* const units = batch.drawn.at("units").data_ptr<double>();
  auto* const out = timesteps.data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i)
    out[i] = losses.timestep(units[i]);
  batch.drawn["timesteps"] = timesteps;
}

void Noising::draw_noise(Batch& batch, int64_t first_place) const {
  const auto drawn = torch::empty(batch.x.sizes(), like(batch.x, torch::kFloat32));
  batch.drawn["noise"] = drawn;
  const auto noise = floats(drawn);
  const auto images = static_cast<size_t>(drawn.size(0));
  const auto channels = static_cast<size_t>(drawn.size(1));
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
  const int64_t count = batch.x.size(0);
  const int64_t size = batch.x.numel() / count;
  const auto noise = floats(batch.drawn.at("noise"));
  const auto partner = cheapest_assignment(squared_distances(floats(batch.x), noise, size), count);
  const std::vector<float> drawn(noise.begin(), noise.end());
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(drawn.begin() + partner[static_cast<size_t>(i)] * size, size,
                noise.begin() + i * size);
}

void Noising::draw(Batch& batch, int64_t first_place) const {
  draw_timesteps(batch, first_place);
  draw_noise(batch, first_place);
  if (train_.coupling == Coupling::kOptimalTransport) couple(batch);
}

NoisedImages Noising::apply(const Batch& batch, torch::Device device) const {
  const auto move = [&](const torch::Tensor& tensor) { return to_device(tensor, device); };
  const auto& timesteps = batch.drawn.at("timesteps");
  const auto levels = process_->levels_at(timesteps);
  const bool told_exactly = timesteps.scalar_type() == torch::kInt64;
  NoisedImages noised{.x_t = {},
                      .timesteps = move(told_exactly ? timesteps : timesteps.to(torch::kFloat32)),
                      .x0 = move(batch.x),
                      .eps = move(batch.drawn.at("noise")),
                      .levels = {move(levels.alpha), move(levels.sigma), {}}};
  noised.x_t = add_noise(noised.levels, noised.x0, noised.eps);
  if (process_->scales_input()) {
    noised.x_t = noised.x_t * move(process_->input_scale(levels));
  }
  return noised;
}

}  // namespace ddpm
