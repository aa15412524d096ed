#include "ddpm/train/drawing.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

TEST(Drawing, TakesWhatItsImagesTakeUntilItHasBeenTimed) {
  Drawing drawing{.images = 100, .every = 10, .last_seconds = {}};
  EXPECT_EQ(drawing.seconds(0.5), 50.0);
  EXPECT_EQ(drawing.seconds_per_step(0.5), 5.0);
  drawing.last_seconds = 20.0;
  EXPECT_EQ(drawing.seconds(0.5), 20.0);
  EXPECT_EQ(drawing.seconds_per_step(0.5), 2.0);
}

TEST(Drawing, AtTheEndAloneCostsTheStepsNothing) {
  const Drawing drawing{.images = 100, .every = 0, .last_seconds = 20.0};
  EXPECT_EQ(drawing.seconds(0.5), 20.0);
  EXPECT_EQ(drawing.seconds_per_step(0.5), 0.0);
}

TEST(Drawing, OfNothingCostsNothing) {
  EXPECT_EQ(Drawing().seconds(0.5), 0.0);
  EXPECT_EQ(Drawing().seconds_per_step(0.5), 0.0);
}

TEST(Drawing, IsTimedWithAllCallsOfTheSampler) {
  SampleConfig options;
  options.guidance = 2.0;
  const auto measured = [&](int64_t steps) {
    options.steps = steps;
    Generator generator(random_unet(), DiffusionConfig(), options, torch::kCPU);
    return seconds_per_image(generator, 3);
  };
  EXPECT_GT(measured(1), 0.0);  // one level and the last one
  EXPECT_GT(measured(1000), measured(1));
}

}  // namespace
}  // namespace ddpm
