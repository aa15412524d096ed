#include "ddpm/checkpoint/scheduler_config.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TEST(SchedulerConfig, RoundTripKeepsEverything) {
  DiffusionConfig diffusion;
  diffusion.beta_schedule = BetaSchedule::kCosine;
  diffusion.prediction_type = PredictionType::kVPrediction;
  SampleConfig sample;
  sample.variance_type = VarianceType::kFixedSmall;
  const auto written = scheduler_config_to_json(diffusion, sample);
  DiffusionConfig diffusion_back;
  SampleConfig sample_back;
  scheduler_config_from_json(written, "x", diffusion_back, sample_back);
  EXPECT_EQ(scheduler_config_to_json(diffusion_back, sample_back), written);
}

TEST(SchedulerConfig, WhatIsNotSupportedIsRefusedByName) {
  for (const char* text :
       {R"({"beta_schedule": "sigmoid"})", R"({"variance_type": "learned_range"})",
        R"({"thresholding": true})", R"({"rescale_betas_zero_snr": true})",
        R"({"trained_betas": [0.1, 0.2]})", R"({"set_alpha_to_one": false})",
        R"({"num_train_timesteps": 0})"}) {
    DiffusionConfig diffusion;
    SampleConfig sample;
    EXPECT_THROW(scheduler_config_from_json(parse_json(text, "x"), "x", diffusion, sample),
                 CheckpointError)
        << text;
  }
}

}  // namespace
}  // namespace ddpm
