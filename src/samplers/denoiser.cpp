#include "ddpm/samplers/denoiser.h"

#include <torch/types.h>

namespace ddpm {
namespace {

torch::Tensor threshold(const torch::Tensor& x0, const SampleConfig& options) {
  auto limit = torch::quantile(x0.abs().flatten(1), options.dynamic_thresholding_ratio, 1);
  limit = limit.clamp(1.0, options.sample_max_value).view({-1, 1, 1, 1});
  return torch::clamp(x0, -limit, limit) / limit;
}

}  // namespace

Denoiser make_denoiser(const Process& process, RawDenoiser network) {
  return [&process, network = std::move(network)](const torch::Tensor& x, const NoiseLevel& level) {
    return process.read(level, x, network(x, level));
  };
}

Denoiser with_clipping(Denoiser denoise, const SampleConfig& options) {
  if (!options.clip_sample && !options.thresholding) return denoise;
  return [denoise = std::move(denoise), options](const torch::Tensor& x, const NoiseLevel& level) {
    auto prediction = denoise(x, level);
    const double range = options.clip_sample_range;
    prediction.x0 = options.thresholding ? threshold(prediction.x0, options)
                                         : prediction.x0.clamp(-range, range);
    if (options.use_clipped_model_output) prediction.eps = noise_between(level, prediction.x0, x);
    return prediction;
  };
}

}  // namespace ddpm
