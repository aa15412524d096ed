#include "ddpm/eval/variational_terms.h"

#include <algorithm>
#include <cmath>

#include <torch/types.h>

namespace ddpm {
namespace {

struct Part {
  int64_t first = 0;
  int64_t count = 1;
};

/// Step 0 alone, then the others in parts of about equal length.
std::vector<Part> parts_of(int64_t steps, int64_t draws) {
  const int64_t others = steps - 1;
  const int64_t parts = draws == 0 ? others : std::min(draws, others);
  std::vector<Part> all{Part{}};
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t first = others * i / parts;
    all.push_back({.first = 1 + first, .count = others * (i + 1) / parts - first});
  }
  return all;
}

torch::Tensor steps_within(const Part& part, int64_t number, int64_t images,
                           const BoundNoise& noise) {
  auto steps = torch::full({images}, part.first, torch::kInt64);
  if (part.count == 1) return steps;
  const auto units = noise.uniform(number);
  for (int64_t i = 0; i < images; ++i) {
    steps.data_ptr<int64_t>()[i] +=
        static_cast<int64_t>(units[static_cast<size_t>(i)] * static_cast<double>(part.count));
  }
  return steps;
}

NoiseLevels levels_of(const Process& process, const VariationalBound& bound,
                      const torch::Tensor& steps, torch::Device device) {
  std::vector<NoiseLevel> levels;
  const auto* const step = steps.data_ptr<int64_t>();
  for (int64_t i = 0; i < steps.size(0); ++i) {
    const int64_t t = bound.timesteps()[static_cast<size_t>(step[i])];
    levels.push_back(process.level_at(static_cast<double>(t)));
  }
  return stack_levels(levels, device);
}

torch::Tensor log_variance(const VariationalBound& bound, const torch::Tensor& learned,
                           const torch::Tensor& steps, VarianceType type) {
  if (learned.defined()) return bound.learned_log_variance(learned, steps);
  return type == VarianceType::kFixedSmall ? bound.small_log_variance(steps)
                                           : bound.large_log_variance(steps);
}

}  // namespace

std::vector<int64_t> bound_timesteps(int64_t num_train_timesteps, int64_t steps) {
  const int64_t count = steps == 0 ? num_train_timesteps : steps;
  TORCH_CHECK(count >= 1 && count <= num_train_timesteps, "as many steps as timesteps at most");
  if (count == 1) return {num_train_timesteps - 1};
  std::vector<int64_t> timesteps;
  for (int64_t i = 0; i < count; ++i) {
    const double place = static_cast<double>(i * (num_train_timesteps - 1));
    timesteps.push_back(
        static_cast<int64_t>(std::nearbyint(place / static_cast<double>(count - 1))));
  }
  return timesteps;
}

void variational_terms(const Process& process, const VariationalBound& bound,
                       const BatchDenoiser& denoise, const torch::Tensor& x0,
                       const BoundNoise& noise, const BoundOptions& options,
                       const std::function<void(const BoundTerm&)>& on_term) {
  const torch::NoGradGuard no_grad;
  const int64_t images = x0.size(0);
  const auto rows = torch::arange(images);
  const auto parts = parts_of(bound.steps(), options.draws);
  for (size_t number = 0; number < parts.size(); ++number) {
    const auto& part = parts[number];
    const auto steps = steps_within(part, static_cast<int64_t>(number), images, noise);
    const auto on_device = steps.to(x0.device());
    const auto levels = levels_of(process, bound, steps, x0.device());
    const auto x_t = add_noise(levels, x0, noise.normal(steps));
    auto prediction = denoise(x_t, levels, rows);
    if (options.clip_denoised) prediction.x0 = prediction.x0.clamp(-1.0, 1.0);
    const auto mean = bound.posterior_mean(prediction.x0, x_t, on_device);
    const auto variance = log_variance(bound, prediction.variance, on_device, options.variance);
    const auto bits = bound.term(x0, x_t, on_device, mean, variance.expand_as(x0), options.decoder);
    on_term(
        {.steps = steps, .bits = bits.to(torch::kCPU), .weight = static_cast<double>(part.count)});
  }
}

}  // namespace ddpm
