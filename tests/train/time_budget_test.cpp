#include "ddpm/train/time_budget.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(TimeBudget, CountsTheStepsAndSecondsOfItsSession) {
  TrainingState state;
  state.step = 10;
  state.seconds = 100.0;
  const TimeBudget budget(TrainConfig(), state);
  state.step = 12;
  EXPECT_EQ(budget.session_steps(), 2);
  EXPECT_GE(budget.session_seconds(), 0.0);
  EXPECT_LT(budget.session_seconds(), 100.0);
  EXPECT_GE(budget.seconds(), 100.0);
  EXPECT_FALSE(budget.is_up());
}

TEST(TimeBudget, IsUpAfterItsMinutes) {
  TrainConfig train;
  train.max_minutes = 1e-9;
  TrainingState state;
  const TimeBudget budget(train, state);
  while (budget.session_seconds() < 1e-6) {
  }
  EXPECT_TRUE(budget.is_up());
}

TEST(TimeBudget, StepsThatAreKnownAreNotPlanned) {
  TrainConfig train;
  train.max_minutes = 1e-9;
  TrainingState state;
  state.total_steps = 7;
  TimeBudget budget(train, state);
  for (; state.step < 100; ++state.step)
    budget.plan({}, [] { return 0.0; });
  EXPECT_EQ(state.total_steps, 7);
}

TEST(TimeBudget, PlansAtLeastOneStepFromHereOn) {
  TrainConfig train;
  train.max_minutes = 1e-9;
  TrainingState state;
  TimeBudget budget(train, state);
  int measured = 0;
  while (!state.total_steps && ++state.step < 1000)
    budget.plan({{.images = 4, .every = 10}}, [&] { return static_cast<double>(++measured); });
  EXPECT_EQ(state.total_steps, state.step + 1);
  EXPECT_EQ(state.decay_start, state.step);
  EXPECT_EQ(measured, 1);
}

TEST(TimeBudget, DecayGoesOnAsItIsSet) {
  TrainingState state;
  TimeBudget budget(TrainConfig(), state);
  budget.set_decay({.total_steps = 40, .start = 5, .done = 0.25});
  EXPECT_EQ(state.total_steps, 40);
  EXPECT_EQ(budget.decay().start, 5);
  EXPECT_EQ(budget.decay().done, 0.25);
}

}  // namespace
}  // namespace ddpm
