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

/// What a file of this class means with `key` in it, as it is written again.
nlohmann::json meaning(const std::string& class_name, const std::string& more) {
  DiffusionConfig diffusion;
  SampleConfig sample;
  read(R"({"_class_name": ")" + class_name + "\"" + more + "}", diffusion, sample);
  auto written = scheduler_config_to_json(diffusion, sample);
  written["clip"] = sample.clip_sample;
  written["spacing"] = to_name(sample.timestep_spacing);
  return written;
}

TEST(SchedulerConfig, KeysOfAnotherSchedulerMeanNothing) {
  const std::pair<const char*, const char*> rows[] = {
      {"DDIMScheduler", R"(, "use_karras_sigmas": true, "solver_order": 3)"},
      {"DDIMScheduler", R"(, "use_beta_sigmas": true)"},
      {"DDPMScheduler", R"(, "use_exponential_sigmas": true, "set_alpha_to_one": false)"},
      {"EulerDiscreteScheduler", R"(, "clip_sample": true, "thresholding": true)"},
      {"EulerAncestralDiscreteScheduler", R"(, "clip_sample": true, "use_karras_sigmas": true)"},
      {"HeunDiscreteScheduler", R"(, "rescale_betas_zero_snr": true)"},
      {"DEISMultistepScheduler", R"(, "final_sigmas_type": "sigma_min", "clip_sample": true)"},
      {"UniPCMultistepScheduler", R"(, "algorithm_type": "dpmsolver", "clip_sample": true)"},
      {"DPMSolverMultistepScheduler", R"(, "predict_x0": false, "variance_type": "learned")"},
      {"PNDMScheduler", R"(, "use_karras_sigmas": true, "beta_schedule_of_mine": 3)"},
      {"EDMEulerScheduler", R"(, "solver_order": 3, "beta_schedule": "laplace")"},
      {"FlowMatchEulerDiscreteScheduler",
       R"(, "timestep_spacing": "trailing", "steps_offset": 1, "use_flow_sigmas": true)"}};
  for (const auto& [class_name, keys] : rows)
    EXPECT_EQ(meaning(class_name, keys), meaning(class_name, "")) << class_name << keys;
}

TEST(SchedulerConfig, WhatItsClassDoesNotKnowButTheNetworkDoesComesBack) {
  for (const auto sampler : {SamplerType::kHeun, SamplerType::kDeis, SamplerType::kDdim}) {
    DiffusionConfig diffusion;
    diffusion.rescale_betas_zero_snr = true;
    diffusion.prediction_type = PredictionType::kVPrediction;
    SampleConfig sample;
    sample.sampler = sampler;
    DiffusionConfig back;
    scheduler_config_from_json(scheduler_config_to_json(diffusion, sample), "x", back, sample);
    EXPECT_TRUE(back.rescale_betas_zero_snr) << to_name(sampler);
  }
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
