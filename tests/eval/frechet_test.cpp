#include "ddpm/eval/frechet.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

torch::Tensor golden(const std::string& name) {
  return load_safetensors(test_data("eval/golden.safetensors")).at("metrics." + name);
}

double value(const std::string& name) {
  return load_json(test_data("eval/golden.json")).at(name).get<double>();
}

TEST(FrechetDistance, AgreesWithTorchFidelityAndPytorchFid) {
  const auto distance = frechet_distance(feature_statistics(golden("reference")),
                                         feature_statistics(golden("generated")));
  EXPECT_NEAR(distance / value("frechet"), 1, 1e-6);
  EXPECT_NEAR(distance / value("frechet_pytorch_fid"), 1, 1e-6);
}

TEST(FrechetDistance, IsFiniteAndRightForSingularCovariances) {
  const auto few = feature_statistics(golden("generated").narrow(0, 0, 9));
  const auto others = feature_statistics(golden("reference").narrow(0, 0, 12));
  EXPECT_NEAR(frechet_distance(others, few) / value("frechet_singular"), 1, 1e-5);
  EXPECT_NEAR(frechet_distance(few, others) / value("frechet_singular"), 1, 1e-5);
  auto constant = few;
  constant.covariance = torch::zeros_like(few.covariance);
  EXPECT_NEAR(frechet_distance(constant, few), few.covariance.trace().item<double>(), 1e-12);
}

TEST(FrechetDistance, IsZeroForTheSameStatistics) {
  const auto statistics = feature_statistics(golden("reference"));
  EXPECT_NEAR(frechet_distance(statistics, statistics), 0, 1e-6);
}

TEST(FrechetDistance, OfNormalDistributionsOfOneNumberIsThatOfMeansAndDeviations) {
  const auto normal = [](double mean, double deviation) {
    return FeatureStatistics{2, torch::tensor({mean}, torch::kFloat64),
                             torch::tensor({{deviation * deviation}}, torch::kFloat64)};
  };
  EXPECT_NEAR(frechet_distance(normal(0, 1), normal(3, 2)), 9 + 1, 1e-12);
}

TEST(FrechetDistance, RefusesOtherDimensions) {
  torch::manual_seed(0);
  const FrechetDistance distance(feature_statistics(torch::randn({5, 3})));
  const auto other = feature_statistics(torch::randn({5, 4}));
  expect_error<DataError>([&] { distance.to(other); }, "3 dimensions, got 4");
}

}  // namespace
}  // namespace ddpm
