#include "ddpm/train/learning_rate.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TrainConfig config(LrSchedule schedule) {
  TrainConfig config;
  config.lr = 1.0;
  config.warmup_steps = 10;
  config.lr_schedule = schedule;
  return config;
}

TEST(LearningRate, RisesOverTheWarmUp) {
  const auto constant = config(LrSchedule::kConstant);
  EXPECT_DOUBLE_EQ(learning_rate(constant, 0, {100}), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(constant, 9, {100}), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(constant, 99, {100}), 1.0);
}

TEST(LearningRate, FallsFromTheEndOfTheWarmUpToTheLastStep) {
  const auto linear = config(LrSchedule::kLinear);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 10, {110}), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 60, {110}), 0.5);
  EXPECT_NEAR(learning_rate(linear, 109, {110}), 0.01, 1e-12);
  const auto cosine = config(LrSchedule::kCosine);
  EXPECT_NEAR(learning_rate(cosine, 60, {110}), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(cosine, 110, {110}), 0.0, 1e-12);
}

TEST(LearningRate, WithATimeBudgetFallsFromWhereTheStepsWereCounted) {
  const auto linear = config(LrSchedule::kLinear);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 50, {}), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 40, {140, 40}), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(linear, 90, {140, 40}), 0.5);
}

TEST(LearningRate, PlannedAnewGoesOnFromWhereItStands) {
  for (const auto schedule : {LrSchedule::kLinear, LrSchedule::kCosine}) {
    const auto falling = config(schedule);
    const DecayPlan first{110};
    const DecayPlan longer{210, 60, decay_done(falling, 60, first)};
    EXPECT_DOUBLE_EQ(longer.done, 0.5);
    EXPECT_DOUBLE_EQ(learning_rate(falling, 60, longer), learning_rate(falling, 60, first));
    EXPECT_DOUBLE_EQ(learning_rate(falling, 135, longer), learning_rate(falling, 85, first));
    EXPECT_NEAR(learning_rate(falling, 210, longer), 0.0, 1e-12);
  }
}

TEST(EmaDecay, WarmsUpToItsSetting) {
  TrainConfig config;
  config.ema_decay = 0.99;
  EXPECT_DOUBLE_EQ(ema_decay(config, 0), 0.1);
  EXPECT_DOUBLE_EQ(ema_decay(config, 90), 0.91);
  EXPECT_DOUBLE_EQ(ema_decay(config, 100'000), 0.99);
  config.ema_warmup = false;
  EXPECT_DOUBLE_EQ(ema_decay(config, 0), 0.99);
}

}  // namespace
}  // namespace ddpm
