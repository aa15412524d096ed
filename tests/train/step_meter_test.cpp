#include "ddpm/train/step_meter.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

StepResult result_of(float loss, float accuracy) {
  return {.loss = torch::full({}, loss),
          .grad_norm = torch::full({}, 2.0F),
          .extras = {{"accuracy", torch::full({}, accuracy)}}};
}

/// Two steps in a row may be bad.
class StepMeterOfThree : public testing::Test {
 protected:
  StepMeterOfThree() { train_.max_bad_steps = 3; }
  StepMeter meter() { return {train_, state_, {"accuracy"}, torch::kCPU}; }
  void add(StepMeter& meter, const StepResult& result) {
    ++state_.step;
    meter.add(result, 0.5);
  }

  TrainConfig train_;
  TrainingState state_;
};

TEST_F(StepMeterOfThree, TakesTheMeansOfTheStepsThatWereNotSkipped) {
  auto steps = meter();
  add(steps, result_of(1.0F, 0.5F));
  add(steps, result_of(NAN, 1.0F));
  add(steps, result_of(3.0F, 0.0F));
  steps.count();
  const auto means = steps.take();
  EXPECT_EQ(means.loss, 2.0);
  EXPECT_EQ(means.extras, (Scores{{"accuracy", 0.25}}));
  EXPECT_EQ(means.grad_norm, 2.0);
  EXPECT_EQ(means.lr, 0.5);
  EXPECT_EQ(state_.skipped_steps, 1);
  EXPECT_FALSE(std::isfinite(steps.take().loss));  // of no steps
}

TEST_F(StepMeterOfThree, GoesOnFromTheSumsOfACheckpoint) {
  state_.loss_sum = 4.0;
  state_.loss_steps = 1;
  state_.extra_sums = {{"accuracy", 1.0}, {"of another objective", 7.0}};
  auto steps = meter();
  add(steps, result_of(2.0F, 0.0F));
  steps.count();
  steps.store();
  EXPECT_EQ(state_.loss_sum, 6.0);
  EXPECT_EQ(state_.extra_sums, (std::map<std::string, double>{{"accuracy", 1.0}}));
  EXPECT_EQ(steps.take().loss, 3.0);
}

TEST_F(StepMeterOfThree, TooManyBadStepsInARowAreADivergence) {
  auto steps = meter();
  for (int i = 0; i < 2; ++i)
    add(steps, result_of(NAN, 0.0F));
  steps.count();
  EXPECT_EQ(state_.bad_steps, 2);
  add(steps, result_of(1.0F, 0.0F));
  steps.count();
  EXPECT_EQ(state_.bad_steps, 0);
  for (int i = 0; i < 3; ++i)
    add(steps, result_of(INFINITY, 0.0F));
  EXPECT_THROW(steps.count(), DivergedError);
}

}  // namespace
}  // namespace ddpm
