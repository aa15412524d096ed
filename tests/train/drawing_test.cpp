#include "ddpm/train/drawing.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

TEST(Drawing, TakesWhatItsImagesTakeUntilItHasBeenTimed) {
  Drawing drawing{.images = 100, .every = 10};
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
  const auto measured = [&](SamplerType sampler, int64_t steps) {
    options.sampler = sampler;
    options.steps = steps;
    Generator generator(random_unet(), DiffusionConfig(), options, torch::kCPU);
    double now = 7.0;
    return seconds_per_image(generator, 3, [&] { return now += 1.5; });
  };
  EXPECT_EQ(measured(SamplerType::kDdim, 1), 0.5);  // one level and the last one
  EXPECT_EQ(measured(SamplerType::kDdim, 1000), 500.0);
  EXPECT_EQ(measured(SamplerType::kHeun, 4), 3.5);  // the last of its steps is one call

  Generator generator(random_unet(), DiffusionConfig(), options, torch::kCPU);
  EXPECT_GT(seconds_per_image(generator, 3), 0.0);
}

}  // namespace
}  // namespace ddpm
