#include "ddpm/checkpoint/scheduler_config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ddpm/checkpoint/config_reader.h"

namespace ddpm {

using nlohmann::json;

json scheduler_config_to_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  const bool shared_spacing = sample.timestep_spacing == TimestepSpacing::kTrailing ||
                              sample.timestep_spacing == TimestepSpacing::kLinspace;
  const auto spacing = shared_spacing ? sample.timestep_spacing : TimestepSpacing::kLeading;
  return {
      {"_class_name", "DDPMScheduler"},
      {"_diffusers_version", kDiffusersVersion},
      {"beta_end", diffusion.beta_end},
      {"beta_schedule", to_name(diffusion.beta_schedule)},
      {"beta_start", diffusion.beta_start},
      {"clip_sample", sample.clip_sample},
      {"clip_sample_range", sample.clip_sample_range},
      {"dynamic_thresholding_ratio", 0.995},
      {"num_train_timesteps", diffusion.num_train_timesteps},
      {"prediction_type", to_name(diffusion.prediction_type)},
      {"rescale_betas_zero_snr", false},
      {"sample_max_value", 1.0},
      {"steps_offset", sample.steps_offset},
      {"thresholding", false},
      {"timestep_spacing", to_name(spacing)},
      {"trained_betas", nullptr},
      {"variance_type", to_name(sample.variance_type)},
  };
}

namespace {

/// Schedulers of the discrete process that this program trains and samples; their other settings
/// choose a solver, which is chosen here.
constexpr std::array<std::string_view, 11> kSchedulers{"DDPMScheduler",
                                                       "DDIMScheduler",
                                                       "PNDMScheduler",
                                                       "DPMSolverMultistepScheduler",
                                                       "DPMSolverSinglestepScheduler",
                                                       "UniPCMultistepScheduler",
                                                       "DEISMultistepScheduler",
                                                       "EulerDiscreteScheduler",
                                                       "EulerAncestralDiscreteScheduler",
                                                       "HeunDiscreteScheduler",
                                                       "LMSDiscreteScheduler"};

void check_scheduler_class(const json& object, const std::string& origin) {
  const json name = object.value("_class_name", json("DDPMScheduler"));
  if (name.is_string() &&
      std::ranges::find(kSchedulers, name.get<std::string>()) != kSchedulers.end())
    return;
  throw CheckpointError(origin, ": scheduler ", name.dump(), " is not supported");
}

}  // namespace

void scheduler_config_from_json(const json& object, const std::string& origin,
                                DiffusionConfig& diffusion, SampleConfig& sample) {
  ConfigReader in(object, origin);
  check_scheduler_class(object, origin);
  diffusion.num_train_timesteps = in.integer("num_train_timesteps", 1000);
  diffusion.beta_start = in.number("beta_start", 1e-4);
  diffusion.beta_end = in.number("beta_end", 0.02);
  diffusion.beta_schedule = in.choice("beta_schedule", BetaSchedule::kLinear);
  diffusion.prediction_type = in.choice("prediction_type", PredictionType::kEpsilon);
  sample.clip_sample = in.boolean("clip_sample", true);
  sample.use_clipped_model_output = false;  // as diffusers' pipelines call it
  sample.clip_sample_range = in.number("clip_sample_range", 1.0);
  sample.variance_type = in.choice("variance_type", VarianceType::kFixedSmall);
  sample.timestep_spacing = in.choice("timestep_spacing", TimestepSpacing::kLeading);
  sample.steps_offset = in.integer("steps_offset", 0);
  in.require("set_alpha_to_one", true);
  in.require("thresholding", false);
  in.require("rescale_betas_zero_snr", false);
  in.require("trained_betas", nullptr);
  if (diffusion.num_train_timesteps < 1 || !(diffusion.beta_start > 0) ||
      !(diffusion.beta_end < 1) || !(diffusion.beta_start <= diffusion.beta_end)) {
    throw CheckpointError(origin, ": expected timesteps and 0 < beta_start <= beta_end < 1");
  }
}

}  // namespace ddpm
