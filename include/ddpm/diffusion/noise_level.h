#pragma once

#include <torch/types.h>

namespace ddpm {

/// How noisy an image is: x = alpha x0 + sigma eps.
struct NoiseLevel {
  double alpha = 1.0;
  double sigma = 0.0;
  double t = 0.0;         // what the network is told
  double progress = 0.0;  // of sampling: 0 at the noisy end, 1 at the last network call

  /// Noise to signal: sigma of the process with alpha = 1, in which samplers' papers write.
  double ratio() const { return sigma / alpha; }
  /// Half the logarithm of the signal-to-noise ratio; infinite for a clean image.
  double lambda() const;
};

/// One noise level an image: alpha and sigma [N, 1, 1, 1] float32, t [N].
struct NoiseLevels {
  torch::Tensor alpha;
  torch::Tensor sigma;
  torch::Tensor t;
};

/// x_t = alpha x0 + sigma eps.
torch::Tensor add_noise(const NoiseLevels& levels, const torch::Tensor& x0,
                        const torch::Tensor& eps);

/// The noise that leads from `x0` to `x_t`.
torch::Tensor noise_between(const NoiseLevel& level, const torch::Tensor& x0,
                            const torch::Tensor& x_t);

}  // namespace ddpm
