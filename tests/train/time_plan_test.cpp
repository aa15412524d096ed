#include "ddpm/train/time_plan.h"

#include <vector>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(TimePlan, MeasuresAfterSetUpAndPlansAgainAsTheTimeGoesOn) {
  TimePlan plan(100.0);
  std::vector<double> moments;
  double seconds = 10.0;  // of set-up, within the first step
  for (int64_t step = 1; seconds < 100.0; ++step) {
    const double speed = seconds < 50.0 ? 0.1 : 0.2;
    seconds += speed;
    if (const auto per_step = plan.due(step, seconds)) {
      // From second 10.5 on: 395 quick steps, then 175 slow ones.
      const double expected = moments.size() == 3 ? (39.5 + 35.0) / (395 + 175) : 0.1;
      if (moments.size() != 2) {
        EXPECT_NEAR(*per_step, expected, 1e-3);
      }
      moments.push_back(seconds);
    }
  }
  ASSERT_EQ(moments.size(), 4U);
  EXPECT_NEAR(moments[0], 13.5, 0.2);  // five steps and thirty
  EXPECT_NEAR(moments[1], 30.0, 0.2);
  EXPECT_NEAR(moments[2], 60.0, 0.3);
  EXPECT_NEAR(moments[3], 85.0, 0.3);
  EXPECT_EQ(plan.plans(), 4U);
}

TEST(TimePlan, SlowStepsAreTimedBeforeTheyArePlannedFor) {
  TimePlan plan(10.0);
  int64_t step = 0;
  double seconds = 0.0;
  for (; plan.plans() == 0; ++step)
    plan.due(step, seconds += 1.0);
  EXPECT_EQ(step, 36);  // the time is over by then
  EXPECT_EQ(plan.left(seconds), 0.0);
}

TEST(TimePlan, KeepsAPartOfTheRestBack) {
  const TimePlan plan(100.0);
  EXPECT_NEAR(plan.left(50.0), 47.0, 1e-9);
  EXPECT_EQ(plan.left(101.0), 0.0);
}

}  // namespace
}  // namespace ddpm
