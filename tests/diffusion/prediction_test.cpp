#include "ddpm/diffusion/prediction.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"

namespace ddpm {
namespace {

TEST(Prediction, ReadingTheTargetGivesBackImageAndNoise) {
  torch::manual_seed(0);
  const auto options = torch::dtype(torch::kFloat64);
  const auto x0 = torch::randn({2, 3, 4, 4}, options);
  const auto eps = torch::randn({2, 3, 4, 4}, options);
  for (const double alpha_bar : {0.9999, 0.5, 1e-4}) {
    const auto alpha = torch::full({2, 1, 1, 1}, std::sqrt(alpha_bar), options);
    const auto sigma = torch::full({2, 1, 1, 1}, std::sqrt(1 - alpha_bar), options);
    const auto x_t = alpha * x0 + sigma * eps;
    for (const auto& type : kNames<PredictionType>) {
      const auto target = training_target(type.value, x0, eps, alpha, sigma);
      const auto prediction =
          read_prediction(type.value, x_t, target, std::sqrt(alpha_bar), std::sqrt(1 - alpha_bar));
      EXPECT_TRUE(torch::allclose(prediction.x0, x0, 1e-8, 1e-8)) << type.name << alpha_bar;
      EXPECT_TRUE(torch::allclose(prediction.eps, eps, 1e-8, 1e-8)) << type.name << alpha_bar;
    }
  }
}

}  // namespace
}  // namespace ddpm
