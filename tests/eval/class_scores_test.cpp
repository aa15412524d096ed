#include "ddpm/eval/class_scores.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

TEST(ClassAgreement, IsTheShareOfImagesOfTheClassAskedFor) {
  const auto logits = torch::tensor({{2.0F, 1.0F}, {0.0F, 3.0F}, {5.0F, 1.0F}, {0.0F, 1.0F}});
  EXPECT_EQ(class_agreement(logits, torch::tensor({0, 1, 1, 1})), 0.75);
  expect_error<DataError>(
      [&] {
        class_agreement(logits, torch::tensor({0, 1, 2, 1}));
      },
      "labels from 0 to 1");
}

TEST(ClassFrechetDistances, CompareEachClassWithItsOwn) {
  torch::manual_seed(0);
  const auto features = torch::randn({60, 2});
  const auto labels = torch::arange(60).remainder(3);
  const auto moved = features + (labels == 1).unsqueeze(1) * 2.0;
  const auto scores = class_frechet_distances(moved, labels, features, labels);
  ASSERT_EQ(scores.size(), 3U);
  EXPECT_NEAR(scores[0].value, 0, 1e-6);
  EXPECT_NEAR(scores[1].value, 8, 1e-4);
  EXPECT_EQ(scores[1].images, 20);
  EXPECT_EQ(scores[1].references, 20);
  EXPECT_NEAR(mean_score(scores), 8.0 / 3, 1e-4);
  expect_error<DataError>(
      [&] { class_frechet_distances(features, labels, features, labels.clamp_max(1)); },
      "class 2: expected at least 2 reference images, got 0");
}

TEST(ClassFeatureDistances, AreMeansOverPairsWithinAClass) {
  const auto features = torch::tensor({0.0F, 3.0F, 9.0F, 50.0F, 54.0F}).unsqueeze(1);
  const auto scores = class_feature_distances(features, torch::tensor({4, 4, 4, 7, 7}));
  ASSERT_EQ(scores.size(), 2U);
  EXPECT_EQ(scores[0].label, 4);
  EXPECT_NEAR(scores[0].value, 6, 1e-6);
  EXPECT_NEAR(scores[1].value, 4, 1e-6);
  expect_error<DataError>(
      [&] {
        class_feature_distances(features, torch::tensor({4, 4, 4, 7, 8}));
      },
      "class 7");
}

TEST(ClassMsSsim, IsOneWhereAClassIsOneImageAndLessElsewhere) {
  torch::manual_seed(0);
  auto images = torch::randint(256, {20, 1, 28, 28}, torch::kUInt8);
  images.narrow(0, 0, 10).copy_(images[0].unsqueeze(0).clone());
  const auto labels = torch::arange(20).div(10, "floor");
  const PairOptions options{.pairs = 4, .scales = 2, .seed = 4};
  const auto numbers = ms_ssim_images(labels, options);
  EXPECT_LT(numbers.size(), 20U);
  const auto kept = images.index_select(0, torch::tensor(numbers));
  const auto scores = class_ms_ssim(kept, labels, options);
  EXPECT_NEAR(scores[0].value, 1, 1e-12);
  EXPECT_LT(scores[1].value, 0.5);
  EXPECT_EQ(class_ms_ssim(kept, labels, options)[1].value, scores[1].value);
}

}  // namespace
}  // namespace ddpm
