#include "ddpm/samplers/guidance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <torch/types.h>

namespace ddpm {
namespace {

/// Standard deviation of each image.
torch::Tensor deviation(const torch::Tensor& images) {
  return images.std(at::IntArrayRef{1, 2, 3}, /*unbiased=*/true, /*keepdim=*/true);
}

torch::Tensor rescaled(const torch::Tensor& guided, const torch::Tensor& wanted, double share) {
  if (share == 0.0) return guided;
  return guided * (share * deviation(wanted) / deviation(guided) + (1.0 - share));
}

}  // namespace

GuidanceScale::GuidanceScale(const SampleConfig& options)
    : scale_(options.guidance),
      schedule_(options.guidance_schedule),
      clamp_(options.guidance_clamp > 0.0 ? options.guidance_clamp : (1.0 + scale_) / 2.0),
      low_(options.guidance_interval.empty() ? 0.0 : options.guidance_interval.front()),
      high_(options.guidance_interval.empty() ? std::numeric_limits<double>::infinity()
                                              : options.guidance_interval.back()) {}

double GuidanceScale::at(const NoiseLevel& level) const {
  const double ratio = level.ratio();
  if (ratio < low_ || ratio > high_) return 1.0;
  const double u = level.progress;
  switch (schedule_) {
    case GuidanceSchedule::kLinear:
      return 1.0 + 2.0 * u * (scale_ - 1.0);
    case GuidanceSchedule::kClampLinear:
      return std::max(clamp_, 1.0 + 2.0 * u * (scale_ - 1.0));
    case GuidanceSchedule::kCosine:
      return 1.0 + (1.0 - std::cos(std::numbers::pi * u)) * (scale_ - 1.0);
    case GuidanceSchedule::kConstant:
      break;
  }
  return scale_;
}

RawDenoiser with_guidance(RawDenoiser wanted, RawDenoiser other_and_wanted,
                          const SampleConfig& options) {
  const GuidanceScale scale(options);
  if (!scale.active()) return wanted;
  const double rescale = options.guidance_rescale;
  return [=, wanted = std::move(wanted), other_and_wanted = std::move(other_and_wanted)](
             const torch::Tensor& x, const NoiseLevel& level) {
    const double weight = scale.at(level);
    if (weight == 1.0) return wanted(x, level);
    const auto halves = other_and_wanted(torch::cat({x, x}), level).chunk(2);
    const int64_t channels = x.size(1);
    const auto towards = halves[1].narrow(1, 0, channels);
    const auto from = halves[0].narrow(1, 0, channels);
    const auto guided = rescaled(torch::lerp(from, towards, weight), towards, rescale);
    const int64_t rest = halves[1].size(1) - channels;
    return rest == 0 ? guided : torch::cat({guided, halves[1].narrow(1, channels, rest)}, 1);
  };
}

Denoiser with_autoguidance(Denoiser main, Denoiser weak, const SampleConfig& options) {
  const GuidanceScale scale(options);
  if (!scale.active()) return main;
  return [=, main = std::move(main), weak = std::move(weak)](const torch::Tensor& x,
                                                             const NoiseLevel& level) {
    const double weight = scale.at(level);
    auto prediction = main(x, level);
    if (weight == 1.0) return prediction;
    const auto other = weak(x, level);
    prediction.x0 = torch::lerp(other.x0, prediction.x0, weight);
    prediction.eps = torch::lerp(other.eps, prediction.eps, weight);
    return prediction;
  };
}

Denoiser with_classifier_guidance(Denoiser denoise, ClassifierGradient gradient, double scale) {
  if (scale == 0.0) return denoise;
  return [=, denoise = std::move(denoise), gradient = std::move(gradient)](
             const torch::Tensor& x, const NoiseLevel& level) {
    auto prediction = denoise(x, level);
    if (level.alpha == 0.0) return prediction;  // pure noise tells no class
    const auto push = scale * gradient(x, level);
    prediction.eps = prediction.eps - level.sigma * push;
    prediction.x0 = prediction.x0 + level.sigma * level.sigma / level.alpha * push;
    return prediction;
  };
}

}  // namespace ddpm
