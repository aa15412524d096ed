#include "ddpm/eval/obstacles.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

/// What stands in the way of a metric, or "".
std::string obstacle(const MetricSelection& metrics, const ImageSet& scored,
                     const ImageSet& reference) {
  const auto found =
      find_obstacles({.metrics = metrics, .nearest = 3, .splits = 10}, scored, reference);
  EXPECT_LE(found.size(), 1U);
  return found.empty() ? "" : found.front().reason;
}

const ImageSet kFour{.name = "a", .images = 4, .labels = {0, 0, 1, 1}};
const ImageSet kPlain{.name = "b", .images = 29, .labels = {}};
const ImageSet kStatistics{.name = "s", .images = 0, .labels = {}};

TEST(Obstacles, NoneWhereAllCanBeHad) {
  EXPECT_EQ(obstacle({.frechet = true}, kFour, kStatistics), "");
  EXPECT_EQ(obstacle({.kernel = true, .manifold = true, .neighbours = true}, kFour, kPlain), "");
  EXPECT_EQ(obstacle({.inception_score = true, .frechet_infinity = true}, kPlain, kStatistics), "");
  EXPECT_EQ(obstacle({.class_agreement = true, .per_class = true, .diversity = true}, kFour, kFour),
            "");
}

TEST(Obstacles, SayWhichSetLacksWhat) {
  EXPECT_EQ(obstacle({.manifold = true}, kFour, kStatistics),
            "s: holds statistics only, which do for --fid and --fid-infinity alone");
  EXPECT_EQ(obstacle({.manifold = true}, {.name = "c", .images = 3}, kFour),
            "c: expected at least 4 images, got 3");
  EXPECT_EQ(obstacle({.inception_score = true}, kFour, kFour),
            "a: expected at least 10 images, got 4");
  EXPECT_EQ(obstacle({.frechet_infinity = true}, {.name = "c", .images = 28}, kFour),
            "c: expected at least 29 images, got 28");
  EXPECT_EQ(obstacle({.class_agreement = true}, kPlain, kFour),
            "b: expected images with classes, got none");
  EXPECT_EQ(obstacle({.per_class = true}, kFour, kPlain),
            "b: expected images with classes, got none");
  const ImageSet lonely{.name = "d", .images = 3, .labels = {0, 0, 1}};
  EXPECT_EQ(obstacle({.per_class = true}, kFour, lonely),
            "d: class 1: expected at least 2 images, got 1");
  EXPECT_EQ(obstacle({.diversity = true}, lonely, kFour),
            "d: class 1: expected at least 2 images, got 1");
}

}  // namespace
}  // namespace ddpm
