#include "ddpm/eval/manifold.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

torch::Tensor column(std::vector<float> values) {
  return torch::tensor(values).unsqueeze(1);
}

TEST(ManifoldScores, HaveTheKnownValuesOnALine) {
  const auto real = column({0, 1, 2, 3, 10});
  const auto fake = column({0.1F, 1.2F, 2.9F, 9, 20});
  const auto one = manifold_scores(fake, real, 1);
  EXPECT_NEAR(one.precision, 0.8, 1e-12);
  EXPECT_NEAR(one.recall, 1, 1e-12);
  EXPECT_NEAR(one.density, 1.4, 1e-12);
  EXPECT_NEAR(one.coverage, 1, 1e-12);
  const auto two = manifold_scores(fake, real, 2);
  EXPECT_NEAR(two.precision, 0.8, 1e-12);
  EXPECT_NEAR(two.density, 1.0, 1e-12);
}

TEST(ManifoldScores, AgreeWithTorchFidelity) {
  const auto golden = load_safetensors(test_data("eval/golden.safetensors"));
  const auto values = load_json(test_data("eval/golden.json"));
  const auto scores =
      manifold_scores(golden.at("metrics.generated"), golden.at("metrics.reference"), 3);
  EXPECT_NEAR(scores.precision, values.at("precision").get<double>(), 1e-6);
  EXPECT_NEAR(scores.recall, values.at("recall").get<double>(), 1e-6);
}

TEST(ManifoldScores, AreOneForTheSameSetAndZeroFarAway) {
  torch::manual_seed(0);
  const auto a = torch::randn({50, 4});
  const auto same = manifold_scores(a, a);
  EXPECT_EQ(same.precision, 1);
  EXPECT_EQ(same.recall, 1);
  EXPECT_EQ(same.coverage, 1);
  const auto far = manifold_scores(a + 100, a);
  EXPECT_EQ(far.precision + far.recall + far.density + far.coverage, 0);
}

TEST(ManifoldScores, LeaveTheSurfaceOfABallOutside) {
  EXPECT_EQ(manifold_scores(column({1, 2}), column({-1, 0}), 1).precision, 0);
}

TEST(ManifoldScores, RefuseNoMoreImagesThanNeighbours) {
  const auto a = torch::zeros({3, 2});
  expect_error<DataError>([&] { manifold_scores(a, a, 3); }, "more than 3 images");
}

}  // namespace
}  // namespace ddpm
