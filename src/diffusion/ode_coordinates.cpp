#include "ddpm/diffusion/ode_coordinates.h"

#include <cmath>
#include <limits>

#include <torch/types.h>

namespace ddpm {
namespace {

class RatioCoordinates final : public OdeCoordinates {
 public:
  double u_of_ratio(double ratio) const override { return ratio; }
  double ratio_of(double u) const override { return u; }
  double scale(const NoiseLevel& level) const override { return level.alpha; }
  Slope slope(const NoiseLevel& /*level*/) const override { return {.eps = 1.0}; }

  torch::Tensor slope(const NoiseLevels& /*levels*/, const Prediction& prediction) const override {
    return prediction.eps;
  }

  torch::Tensor step(const NoiseLevel& from, const NoiseLevel& to, const torch::Tensor& x,
                     const Prediction& prediction) const override {
    const double scale = to.alpha / from.alpha;
    return scale * x + (to.sigma - scale * from.sigma) * prediction.eps;
  }

  double rho() const override { return 7.0; }
};

class SigmaCoordinates final : public OdeCoordinates {
 public:
  double u(const NoiseLevel& level) const override { return level.sigma; }
  double u_of_ratio(double ratio) const override {
    return std::isinf(ratio) ? 1.0 : ratio / (1.0 + ratio);
  }
  double ratio_of(double u) const override { return u / (1.0 - u); }
  double scale(const NoiseLevel& /*level*/) const override { return 1.0; }
  Slope slope(const NoiseLevel& /*level*/) const override { return {.x0 = -1.0, .eps = 1.0}; }

  torch::Tensor slope(const NoiseLevels& /*levels*/, const Prediction& prediction) const override {
    return prediction.eps - prediction.x0;
  }

  torch::Tensor step(const NoiseLevel& from, const NoiseLevel& to, const torch::Tensor& x,
                     const Prediction& prediction) const override {
    return x + (to.sigma - from.sigma) * (prediction.eps - prediction.x0);
  }
};

class AngleCoordinates final : public OdeCoordinates {
 public:
  double u_of_ratio(double ratio) const override { return std::atan(ratio); }
  double ratio_of(double u) const override { return std::tan(u); }
  double scale(const NoiseLevel& /*level*/) const override { return 1.0; }
  Slope slope(const NoiseLevel& level) const override {
    return {.x0 = -level.sigma, .eps = level.alpha};
  }

  torch::Tensor slope(const NoiseLevels& levels, const Prediction& prediction) const override {
    return levels.alpha * prediction.eps - levels.sigma * prediction.x0;
  }

  /// Along an arc, on which x and d turn together.
  torch::Tensor step(const NoiseLevel& from, const NoiseLevel& to, const torch::Tensor& x,
                     const Prediction& prediction) const override {
    const double cosine = to.alpha * from.alpha + to.sigma * from.sigma;
    const double sine = to.sigma * from.alpha - to.alpha * from.sigma;
    return cosine * x + sine * (to.alpha * prediction.eps - to.sigma * prediction.x0);
  }
};

}  // namespace

bool OdeCoordinates::reaches_noise() const {
  return std::isfinite(u_of_ratio(std::numeric_limits<double>::infinity()));
}

const OdeCoordinates& ratio_coordinates() {
  static const RatioCoordinates coordinates;
  return coordinates;
}

const OdeCoordinates& sigma_coordinates() {
  static const SigmaCoordinates coordinates;
  return coordinates;
}

const OdeCoordinates& angle_coordinates() {
  static const AngleCoordinates coordinates;
  return coordinates;
}

}  // namespace ddpm
