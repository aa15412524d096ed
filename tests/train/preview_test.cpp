#include "ddpm/train/preview.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

TEST(Preview, TakesWhatItsImagesTakeUntilItHasBeenTimed) {
  Preview preview{.images = 100, .every = 10};
  EXPECT_EQ(preview.seconds(0.5), 50.0);
  EXPECT_EQ(preview.seconds_per_step(0.5), 5.0);
  preview.last_seconds = 20.0;
  EXPECT_EQ(preview.seconds(0.5), 20.0);
  EXPECT_EQ(preview.seconds_per_step(0.5), 2.0);
}

TEST(Preview, AtTheEndAloneCostsTheStepsNothing) {
  const Preview preview{.images = 100, .every = 0, .last_seconds = 20.0};
  EXPECT_EQ(preview.seconds(0.5), 20.0);
  EXPECT_EQ(preview.seconds_per_step(0.5), 0.0);
}

TEST(Preview, IsDueEverySoManySteps) {
  const Preview preview{.images = 1, .every = 10};
  EXPECT_TRUE(preview.due(20));
  EXPECT_FALSE(preview.due(21));
  EXPECT_FALSE(Preview().due(0));
}

TEST(Preview, OfNothingCostsNothing) {
  EXPECT_EQ(Preview().seconds(0.5), 0.0);
  EXPECT_EQ(Preview().seconds_per_step(0.5), 0.0);
}

TEST(Preview, IsTimedWithAllCallsOfTheSampler) {
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
