#include "ddpm/samplers/interpolation.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace ddpm {
namespace {

torch::Tensor vector(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64);
}

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Slerp, IsThatOfTheOracle) {
  const auto between = slerp(vector({1, 0, 0}), vector({1, 1, 0}), .25);
  EXPECT_LT(distance(between, vector({1.0615943377, .2758993793, 0})), 1e-9);
}

TEST(Slerp, EndsAreTheGivenNoiseToTheBit) {
  torch::manual_seed(1);
  const auto a = torch::randn({3, 4, 4});
  const auto b = torch::randn({3, 4, 4});
  EXPECT_TRUE(torch::equal(slerp(a, b, 0.0), a));
  EXPECT_TRUE(torch::equal(slerp(a, b, 1.0), b));
}

TEST(Slerp, KeepsTheLengthWhichAnAverageLoses) {
  torch::manual_seed(1);
  const auto a = torch::randn({3, 32, 32});
  const auto b = torch::randn({3, 32, 32});
  const double length = a.norm().item<double>();
  EXPECT_NEAR(slerp(a, b, 0.5).norm().item<double>() / length, 1.0, 0.03);
  EXPECT_LT(((a + b) / 2).norm().item<double>() / length, 0.75);
}

TEST(Slerp, IsStraightBetweenEqualAndOppositeVectors) {
  const auto a = vector({1, 2});
  EXPECT_LT(distance(slerp(a, 3 * a, .5), 2 * a), 1e-12);
  EXPECT_LT(distance(slerp(a, -a, .25), .5 * a), 1e-12);
  EXPECT_LT(distance(slerp(0 * a, a, .25), .25 * a), 1e-12);
}

}  // namespace
}  // namespace ddpm
