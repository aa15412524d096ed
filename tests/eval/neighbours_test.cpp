#include "ddpm/eval/neighbours.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

TEST(Neighbours, FindTheNearestReferenceInEveryBlock) {
  torch::manual_seed(0);
  const auto references = torch::rand({6000, 2});
  const auto queries = torch::cat({references.slice(0, 0, 6000, 2) + 1e-4, torch::rand({3000, 2})});
  int64_t blocks = 0;
  visit_squared_distances(queries, references, [&](int64_t, const torch::Tensor&) { ++blocks; });
  EXPECT_GT(blocks, 1);
  const auto nearest = nearest_neighbours(queries, references);
  for (const int64_t i : {0, 2999, 3000, 5999}) {
    const auto distances = (references - queries[i]).norm(2, 1);
    EXPECT_EQ(nearest.index[i].item<int64_t>(), distances.argmin().item<int64_t>());
    EXPECT_NEAR(nearest.distance[i].item<float>(), distances.min().item<float>(), 1e-7);
  }
}

TEST(Neighbours, KeepTheirDigitsFarFromTheOrigin) {
  const auto line = torch::arange(5, torch::kFloat32).unsqueeze(1) + 10000;
  const auto radii = squared_radii(line, 2);
  EXPECT_TRUE(torch::equal(radii, torch::tensor({4.0F, 1.0F, 1.0F, 1.0F, 4.0F})));
}

TEST(NearCopies, AreThoseMuchNearerThanTrainingImagesAreToEachOther) {
  const auto training = torch::tensor({0.0F, 10.0F, 20.0F, 20.0F, 32.0F}).unsqueeze(1);
  const auto generated = torch::tensor({1.0F, 15.5F, 20.5F, 32.0F}).unsqueeze(1);
  const auto copies = near_copies(generated, training);
  EXPECT_NEAR(copies.share, 0.75, 1e-12);
  const auto expected = torch::tensor({0.1F, 0.45F, 0.05F, 0.0F});
  EXPECT_TRUE(torch::allclose(copies.ratio, expected, 0, 1e-5)) << copies.ratio;
  EXPECT_EQ(copies.nearest.index[3].item<int64_t>(), 4);
}

TEST(NearCopies, AreRareInAFreshSampleOfTheDistribution) {
  torch::manual_seed(0);
  const auto training = torch::randn({500, 16});
  EXPECT_EQ(near_copies(torch::randn({200, 16}), training).share, 0);
  EXPECT_EQ(near_copies(training.narrow(0, 0, 200) + 0.01, training).share, 1);
}

TEST(NearCopies, NeedTrainingImagesThatDiffer) {
  const auto one = torch::zeros({1, 2});
  expect_error<DataError>([&] { near_copies(one, one); }, "at least 2 training images");
  const auto equal = torch::ones({3, 2});
  expect_error<DataError>([&] { near_copies(one, equal); }, "equal features");
}

}  // namespace
}  // namespace ddpm
