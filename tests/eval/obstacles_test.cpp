#include <gtest/gtest.h>

#include "ddpm/eval/metrics.h"

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
  EXPECT_EQ(obstacle({Metric::kFrechet}, kFour, kStatistics), "");
  EXPECT_EQ(obstacle({Metric::kKernel, Metric::kManifold, Metric::kNeighbours}, kFour, kPlain), "");
  EXPECT_EQ(obstacle({Metric::kInceptionScore, Metric::kFrechetInfinity}, kPlain, kStatistics), "");
  EXPECT_EQ(
      obstacle({Metric::kClassAgreement, Metric::kPerClass, Metric::kDiversity}, kFour, kFour), "");
}

TEST(Obstacles, SayWhichSetLacksWhat) {
  EXPECT_EQ(obstacle({Metric::kManifold}, kFour, kStatistics),
            "s: holds statistics only, which do for `fid` and `fid_infinity` alone");
  EXPECT_EQ(obstacle({Metric::kManifold}, {.name = "c", .images = 3}, kFour),
            "c: expected at least 4 images, got 3");
  EXPECT_EQ(obstacle({Metric::kInceptionScore}, kFour, kFour),
            "a: expected at least 10 images, got 4");
  EXPECT_EQ(obstacle({Metric::kFrechetInfinity}, {.name = "c", .images = 28}, kFour),
            "c: expected at least 29 images, got 28");
  EXPECT_EQ(obstacle({Metric::kClassAgreement}, kPlain, kFour),
            "b: expected images with classes, got none");
  EXPECT_EQ(obstacle({Metric::kPerClass}, kFour, kPlain),
            "b: expected images with classes, got none");
  const ImageSet lonely{.name = "d", .images = 3, .labels = {0, 0, 1}};
  EXPECT_EQ(obstacle({Metric::kPerClass}, kFour, lonely),
            "d: class 1: expected at least 2 images, got 1");
  EXPECT_EQ(obstacle({Metric::kDiversity}, lonely, kFour),
            "d: class 1: expected at least 2 images, got 1");
}

}  // namespace
}  // namespace ddpm
