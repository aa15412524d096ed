#include "ddpm/diffusion/ode_coordinates.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "tests/support/processes.h"

namespace ddpm {
namespace {

torch::Tensor pixel(double value) {
  return torch::full({1, 1, 1, 1}, value, torch::kFloat64);
}

TEST(OdeCoordinates, FindALevelAgain) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    for (const double ratio : {0.01, 0.7, 30.0}) {
      const auto level = process->level_of_ratio(ratio);
      for (const auto* ode : {&process->ode(), &process->regular_ode()})
        EXPECT_NEAR(ode->ratio_of(ode->u(level)), ratio, 1e-9 * ratio) << type.name;
      EXPECT_NEAR(process->level_at_u(process->ode().u(level)).sigma, level.sigma, 1e-9);
    }
  }
}

/// x of one image and one noise moves with the slope: dx/du of scale y.
TEST(OdeCoordinates, HaveTheSlopeOfTheirOwnPath) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    for (const auto* ode : {&process->ode(), &process->regular_ode()}) {
      const auto y = [&](const NoiseLevel& level) {
        return (level.alpha * 0.3 + level.sigma * -0.8) / ode->scale(level);
      };
      const auto low = process->level_of_ratio(0.7 - 1e-5);
      const auto high = process->level_of_ratio(0.7 + 1e-5);
      const auto slope = ode->slope(process->level_of_ratio(0.7));
      EXPECT_NEAR((y(high) - y(low)) / (ode->u(high) - ode->u(low)),
                  0.3 * slope.x0 - 0.8 * slope.eps, 1e-6)
          << type.name;
    }
  }
}

TEST(OdeCoordinates, OneSlopeIsThatOfABatch) {
  const Prediction prediction{.x0 = pixel(0.3), .eps = pixel(-0.8)};
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    const auto level = process->level_of_ratio(0.7);
    const NoiseLevels levels{pixel(level.alpha), pixel(level.sigma), {}};
    for (const auto* ode : {&process->ode(), &process->regular_ode()}) {
      const auto slope = ode->slope(level);
      EXPECT_NEAR(ode->slope(levels, prediction).item<double>(), 0.3 * slope.x0 - 0.8 * slope.eps,
                  1e-12);
    }
  }
}

/// By how much a step to `ratio` misses, with the right prediction.
double step_error(const Process& process, const OdeCoordinates& ode, double ratio) {
  const Prediction prediction{.x0 = pixel(0.3), .eps = pixel(-0.8)};
  const auto x_at = [&](const NoiseLevel& level) {
    return level.alpha * prediction.x0 + level.sigma * prediction.eps;
  };
  const auto from = process.level_of_ratio(0.2);
  const auto to = process.level_of_ratio(ratio);
  return std::abs((ode.step(from, to, x_at(from), prediction) - x_at(to)).item<double>());
}

TEST(OdeCoordinates, StepOfASamplerWithTheRightPredictionIsExact) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    EXPECT_LT(step_error(*process, process->ode(), 1.5), 1e-12) << type.name;
  }
}

TEST(OdeCoordinates, StepAlongAnArcErrsByTheSquareOfItsLength) {
  const auto process = process_of(ProcessType::kDiscrete);
  const auto error = [&](double length) {
    return step_error(*process, angle_coordinates(), std::tan(std::atan(0.2) + length));
  };
  EXPECT_NEAR(error(0.002) / error(0.001), 4.0, 0.05);
}

TEST(OdeCoordinates, ReachPureNoiseWhereTheProcessDoes) {
  EXPECT_FALSE(ratio_coordinates().reaches_noise());
  EXPECT_TRUE(sigma_coordinates().reaches_noise());
  EXPECT_TRUE(angle_coordinates().reaches_noise());
}

}  // namespace
}  // namespace ddpm
