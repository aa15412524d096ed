#include "ddpm/eval/fid_infinity.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

FrechetDistance standard_normal(int64_t dimensions) {
  return FrechetDistance(
      {0, torch::zeros({dimensions}, torch::kFloat64), torch::eye(dimensions, torch::kFloat64)});
}

TEST(FidInfinity, TakesAwayMostOfTheBiasOfFewImages) {
  torch::manual_seed(0);
  const auto features = torch::randn({3000, 24});  // true distance 0
  const auto result =
      fid_infinity(features, standard_normal(24), {.sizes = 8, .smallest = 500, .seed = 3});
  EXPECT_EQ(result.sizes.front(), 500);
  EXPECT_EQ(result.sizes.back(), 3000);
  EXPECT_GT(result.distances.front(), 4 * result.distances.back());
  EXPECT_LT(std::abs(result.value), 0.3 * result.distances.back());
  EXPECT_GT(result.correlation, 0.98);
}

TEST(FidInfinity, ChoosesItsSizesByTheNumberOfImages) {
  torch::manual_seed(0);
  const auto reference = standard_normal(2);
  const auto few = fid_infinity(torch::randn({400, 2}), reference, {});
  EXPECT_EQ(few.sizes.size(), 15U);
  EXPECT_EQ(few.sizes.front(), 200);
  EXPECT_EQ(fid_infinity(torch::randn({10014, 2}), reference, {}).sizes.front(), 5000);
}

TEST(FidInfinity, RefusesTooFewImages) {
  expect_error<DataError>(
      [] {
        fid_infinity(torch::zeros({20, 2}), standard_normal(2), {});
      },
      "got 20 images");
}

}  // namespace
}  // namespace ddpm
