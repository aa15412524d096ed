#pragma once

#include <functional>
#include <optional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/samplers/denoiser.h"

namespace ddpm {

/// The scale of guidance at each noise level.
///
/// With u the progress of sampling, 0 at the noisy end, it is s (constant), 1 + 2u (s - 1) (linear)
/// or 1 + (1 - cos(pi u)) (s - 1) (cosine), all of the same mean, or the linear one but never less
/// than `guidance_clamp` (clamp-linear), which is half way from 1 to s if it is 0 (Wang et al.,
/// "Analysis of classifier-free guidance weight schedulers", 2024); and 1, no guidance, where
/// sigma / alpha is outside `guidance_interval`, ends included (Kynkaanniemi et al., 2024).
class GuidanceScale {
 public:
  explicit GuidanceScale(const SampleConfig& options);

  double at(const NoiseLevel& level) const;
  /// Whether there is any guidance.
  bool active() const { return scale_ != 1.0; }

 private:
  double scale_;
  GuidanceSchedule schedule_;
  double clamp_;
  double low_;
  double high_;
};

/// Classifier-free guidance (Ho and Salimans, 2022): other + scale (wanted - other), where "other"
/// is the network's answer under another condition: no class, or a negative one. `wanted` is the
/// network under the wanted condition, for N images. `other_and_wanted` is the same network for 2N,
/// x twice, the first half under the other condition: both halves are one call. Where the scale is
/// 1 there is one call of N, the wanted network alone. `guidance_rescale` is the share by which the
/// result gets back the standard deviation of the wanted half (Lin et al., 2023). Of outputs with
/// 2C channels, C those of x, the second half is a learned variance and stays as it is.
RawDenoiser with_guidance(RawDenoiser wanted, RawDenoiser other_and_wanted,
                          const SampleConfig& options);

/// Guidance away from what a weaker model says (Karras et al., "Guiding a diffusion model with a
/// bad version of itself", 2024): weak + scale (main - weak), for any two models whose noise levels
/// are the same. `main` and `weak` are called in turn.
Denoiser with_autoguidance(Denoiser main, Denoiser weak, const SampleConfig& options);

/// The gradient of the summed log-probability of the wanted classes with respect to x, [N, C, H,
/// W]. Image i's must not depend on its neighbours.
using ClassifierGradient =
    std::function<torch::Tensor(const torch::Tensor& x, const NoiseLevel& level)>;

/// Classifier guidance (Dhariwal and Nichol, 2021, algorithm 2): eps - scale sigma gradient, from
/// which x0 follows. The paper's code does not clip that x0; `Generator` does, for it is divided by
/// alpha, which at the noisy end of a cosine schedule magnifies whatever a classifier makes of pure
/// noise ten thousand times.
Denoiser with_classifier_guidance(Denoiser denoise, ClassifierGradient gradient, double scale);

}  // namespace ddpm
