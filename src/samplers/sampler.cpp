#include "ddpm/samplers/sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ddpm/diffusion/prediction.h"
#include "ddpm/samplers/timesteps.h"

namespace ddpm {
namespace {

/// One move of a sampler, from timestep t to the one before it in the list (-1 at the end).
struct Move {
  int64_t step;
  int64_t t;
  double alpha_bar;
  double alpha_bar_prev;
  bool last;
};

/// Calls `advance` for each move, with x.
template <typename Advance>
torch::Tensor walk(const SamplerInputs& in, torch::Tensor x, const Advance& advance) {
  const auto timesteps = sampling_timesteps(in.options, in.schedule.size());
  const auto count = static_cast<int64_t>(timesteps.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = timesteps[static_cast<size_t>(i)];
    const int64_t prev = i + 1 < count ? timesteps[static_cast<size_t>(i + 1)] : -1;
    in.on_step(i);
    x = advance(x, Move{i, t, in.schedule.alpha_bar(t), in.schedule.alpha_bar(prev), prev < 0});
  }
  return x;
}

Prediction predict(const SamplerInputs& in, const torch::Tensor& x, const Move& move) {
  auto prediction = read_prediction(in.prediction_type, x, in.denoise(x, move.t), move.alpha_bar);
  if (in.options.clip_sample) {
    const double range = in.options.clip_sample_range;
    prediction.x0 = prediction.x0.clamp(-range, range);
    if (in.options.use_clipped_model_output) {
      prediction.eps = noise_between(prediction.x0, x, move.alpha_bar);
    }
  }
  return prediction;
}

/// Song et al., "Denoising diffusion implicit models", 2021, equation 12.
torch::Tensor ddim(const SamplerInputs& in, const torch::Tensor& x_T) {
  return walk(in, x_T, [&](const torch::Tensor& x, const Move& move) {
    const auto [x0, eps] = predict(in, x, move);
    const double ratio = move.alpha_bar / move.alpha_bar_prev;
    const double sigma =
        in.options.eta * std::sqrt((1 - move.alpha_bar_prev) / (1 - move.alpha_bar) * (1 - ratio));
    const double direction = std::sqrt(std::max(0.0, 1 - move.alpha_bar_prev - sigma * sigma));
    const auto mean = std::sqrt(move.alpha_bar_prev) * x0 + direction * eps;
    return sigma > 0 && !move.last ? mean + sigma * in.noise(move.step) : mean;
  });
}

/// Ho et al., "Denoising diffusion probabilistic models", 2020, equations 6 and 7, with the betas
/// of the steps that are kept.
torch::Tensor ddpm_ancestral(const SamplerInputs& in, const torch::Tensor& x_T) {
  return walk(in, x_T, [&](const torch::Tensor& x, const Move& move) {
    const auto x0 = predict(in, x, move).x0;
    const double alpha = move.alpha_bar / move.alpha_bar_prev;
    const double beta = 1 - alpha;
    const double x0_weight = std::sqrt(move.alpha_bar_prev) * beta / (1 - move.alpha_bar);
    const double x_weight = std::sqrt(alpha) * (1 - move.alpha_bar_prev) / (1 - move.alpha_bar);
    const auto mean = x0_weight * x0 + x_weight * x;
    if (move.last) return mean;
    const double small = beta * (1 - move.alpha_bar_prev) / (1 - move.alpha_bar);
    const double variance =
        in.options.variance_type == VarianceType::kFixedLarge ? beta : std::max(small, 1e-20);
    return mean + std::sqrt(variance) * in.noise(move.step);
  });
}

using SamplerFunction = torch::Tensor (*)(const SamplerInputs&, const torch::Tensor&);

constexpr std::pair<SamplerType, SamplerFunction> kSamplers[] = {
    {SamplerType::kDdim, ddim},
    {SamplerType::kDdpm, ddpm_ancestral},
};

}  // namespace

torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x_T) {
  const auto* const row = std::ranges::find(kSamplers, inputs.options.sampler,
                                            &std::pair<SamplerType, SamplerFunction>::first);
  return row->second(inputs, x_T);
}

}  // namespace ddpm
