#pragma once

#include <torch/types.h>

#include "ddpm/diffusion/noise_level.h"
#include "ddpm/diffusion/prediction.h"

namespace ddpm {

/// Weights of a predicted image and a predicted noise in a sum.
struct Slope {
  double x0 = 0.0;
  double eps = 0.0;
};

/// Coordinates of the probability-flow ODE, in which it is dy/du = d: u is the place on the way
/// from the image to noise, x = scale y, and d is a sum of the image and the noise that the network
/// predicts.
///
/// | coordinates | u                   | scale | d                    | for                   |
/// |-------------|---------------------|-------|----------------------|-----------------------|
/// | ratio       | sigma / alpha       | alpha | eps                  | any process           |
/// | sigma       | sigma               | 1     | eps - x0             | alpha + sigma = 1     |
/// | angle       | atan(sigma / alpha) | 1     | alpha eps - sigma x0 | alpha^2 + sigma^2 = 1 |
///
/// Ratio: Song et al., "Denoising diffusion implicit models", 2021, section 4.3, and Karras et al.,
/// 2022; a step in it is DDIM's. It has no end at pure noise, where the other two have no
/// singularity.
class OdeCoordinates {
 public:
  virtual ~OdeCoordinates() = default;

  /// u of a level, of its ratio of noise to signal, and back.
  virtual double u(const NoiseLevel& level) const { return u_of_ratio(level.ratio()); }
  virtual double u_of_ratio(double ratio) const = 0;
  virtual double ratio_of(double u) const = 0;
  /// Whether u is finite at pure noise.
  bool reaches_noise() const;

  virtual double scale(const NoiseLevel& level) const = 0;
  /// d at a level, as weights; and for a batch, of its predictions [N, C, H, W].
  virtual Slope slope(const NoiseLevel& level) const = 0;
  virtual torch::Tensor slope(const NoiseLevels& levels, const Prediction& prediction) const = 0;

  /// x of the level `from` led to the level `to` along one d: that of a prediction made at `to`.
  virtual torch::Tensor step(const NoiseLevel& from, const NoiseLevel& to, const torch::Tensor& x,
                             const Prediction& prediction) const = 0;

  /// A grid that is even in u^(1/rho) suits images: it is denser near them.
  virtual double rho() const { return 3.0; }
};

const OdeCoordinates& ratio_coordinates();
const OdeCoordinates& sigma_coordinates();
const OdeCoordinates& angle_coordinates();

}  // namespace ddpm
