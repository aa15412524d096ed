#include "ddpm/checkpoint/scheduler_config.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/config/names.h"
#include "ddpm/util/error.h"

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

void read(const std::string& text, DiffusionConfig& diffusion, SampleConfig& sample) {
  scheduler_config_from_json(parse_json(text, "x"), "x", diffusion, sample);
}

TEST(SchedulerConfig, EveryProcessAndSamplerComesBack) {
  for (const auto& process : kNames<ProcessType>) {
    for (const auto& sampler : kNames<SamplerType>) {
      DiffusionConfig diffusion;
      diffusion.process = process.value;
      SampleConfig sample;
      sample.sampler = sampler.value;
      sample.variance_type = VarianceType::kFixedSmall;
      const auto written = scheduler_config_to_json(diffusion, sample);
      DiffusionConfig diffusion_back;
      SampleConfig sample_back;
      scheduler_config_from_json(written, "x", diffusion_back, sample_back);
      EXPECT_EQ(diffusion_back.process, process.value) << sampler.name;
      EXPECT_EQ(scheduler_config_to_json(diffusion_back, sample_back), written) << sampler.name;
    }
  }
}

TEST(SchedulerConfig, NamesTheSamplerOfEachScheduler) {
  const std::pair<const char*, SamplerType> rows[] = {
      {R"({"_class_name": "DDPMScheduler"})", SamplerType::kDdpm},
      {R"({"_class_name": "DDIMScheduler"})", SamplerType::kDdim},
      {R"({"_class_name": "DPMSolverMultistepScheduler"})", SamplerType::kDpmpp2m},
      {R"({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3,
           "algorithm_type": "sde-dpmsolver++"})",
       SamplerType::kDpmpp3mSde},
      {R"({"_class_name": "EulerDiscreteScheduler"})", SamplerType::kEuler},
      {R"({"_class_name": "PNDMScheduler"})", SamplerType::kDdim},
      {R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})", SamplerType::kEuler}};
  for (const auto& [text, sampler] : rows) {
    DiffusionConfig diffusion;
    SampleConfig sample;
    read(text, diffusion, sample);
    EXPECT_EQ(sample.sampler, sampler) << text;
  }
}

TEST(SchedulerConfig, HeunsOwnSpacingIsWritten) {
  SampleConfig sample;
  sample.sampler = SamplerType::kHeun;
  EXPECT_EQ(scheduler_config_to_json(DiffusionConfig(), sample).at("use_exponential_sigmas"), true);
  sample.timestep_spacing = TimestepSpacing::kTrailing;
  EXPECT_EQ(scheduler_config_to_json(DiffusionConfig(), sample).at("use_exponential_sigmas"),
            false);
}

TEST(SchedulerConfig, AScheduleThatDiffusersLacksIsWrittenAsBetas) {
  DiffusionConfig diffusion;
  diffusion.beta_schedule = BetaSchedule::kJsd;
  diffusion.prediction_type = PredictionType::kSample;
  diffusion.num_train_timesteps = 4;
  const auto written = scheduler_config_to_json(diffusion, SampleConfig());
  DiffusionConfig back;
  SampleConfig sample;
  scheduler_config_from_json(written, "x", back, sample);
  EXPECT_EQ(back.trained_betas, (std::vector<double>{0.25, 1.0 / 3, 0.5, 1.0}));
}

TEST(SchedulerConfig, WhatIsNotSupportedIsRefusedByName) {
  for (const char* text :
       {R"({"beta_schedule": "laplace"})",
        R"({"variance_type": "learned"})",
        R"({"rescale_betas_zero_snr": true})",
        R"({"trained_betas": ["x"]})",
        R"({"trained_betas": [0.5, 2]})",
        R"({"num_train_timesteps": 0})",
        R"({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver"})",
        R"({"_class_name": "DPMSolverMultistepScheduler", "euler_at_final": true})",
        R"({"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -5.1})",
        R"({"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true})",
        R"({"_class_name": "UniPCMultistepScheduler", "predict_x0": false})",
        R"({"_class_name": "HeunDiscreteScheduler", "use_beta_sigmas": true})",
        R"({"_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction"})",
        R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 0.1})",
        R"({"_class_name": "CMStochasticIterativeScheduler"})",
        R"({"_class_name": 3})",
        R"({"thresholding": true, "dynamic_thresholding_ratio": 2})",
        R"({"clip_sample_range": -1})",
        R"({"_class_name": "EDMEulerScheduler", "sigma_data": 0})",
        R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0})",
        R"({"_class_name": "UniPCMultistepScheduler", "solver_order": 5})"}) {
    DiffusionConfig diffusion;
    SampleConfig sample;
    EXPECT_THROW(read(text, diffusion, sample), CheckpointError) << text;
  }
}

}  // namespace
}  // namespace ddpm
