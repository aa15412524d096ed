#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/scheduler_keys.h"
#include "ddpm/config/sampler_traits.h"

/// Writes scheduler configs; see scheduler_config.cpp for what is read.

namespace ddpm {
namespace {

using nlohmann::json;

json betas_json(const DiffusionConfig& diffusion) {
  json betas = nullptr;
  if (!diffusion.trained_betas.empty()) betas = diffusion.trained_betas;
  auto schedule = diffusion.beta_schedule;
  if (schedule == BetaSchedule::kJsd) {  // diffusers has no word for it
    std::vector<double> values;
    for (int64_t left = diffusion.num_train_timesteps; left > 0; --left)
      values.push_back(1.0 / static_cast<double>(left));
    betas = values;
    schedule = BetaSchedule::kLinear;
  }
  return {{"beta_end", diffusion.beta_end},
          {"beta_schedule", to_name(schedule)},
          {"beta_start", diffusion.beta_start},
          {"num_train_timesteps", diffusion.num_train_timesteps},
          {"prediction_type", to_name(diffusion.prediction_type)},
          {"rescale_betas_zero_snr", diffusion.rescale_betas_zero_snr},
          {"trained_betas", betas}};
}

/// The spacing in diffusers' words, which are leading, trailing and linspace.
json spacing_json(const SampleConfig& sample) {
  auto spacing = sample.timestep_spacing;
  if (spacing == TimestepSpacing::kUniform || spacing == TimestepSpacing::kQuad)
    spacing = TimestepSpacing::kLeading;
  if (spacing != TimestepSpacing::kLeading && spacing != TimestepSpacing::kLinspace)
    spacing = TimestepSpacing::kTrailing;
  return {{"steps_offset", sample.steps_offset}, {"timestep_spacing", to_name(spacing)}};
}

bool is_on_grid(const SampleConfig& sample) {
  return sample.timestep_spacing == TimestepSpacing::kKarras ||
         sample.timestep_spacing == TimestepSpacing::kLogSnr;
}

/// Of Euler and Heun, whose grids lie between the first and the last timestep of their spacing.
json one_step_spacing_json(const SampleConfig& sample) {
  if (!is_on_grid(sample)) return spacing_json(sample);
  auto ends = sample;
  const bool whole = sample.grid_ends == TimestepSpacing::kAuto;
  ends.timestep_spacing = whole ? TimestepSpacing::kLinspace : sample.grid_ends;
  return spacing_json(ends);
}

json thresholding_json(const SampleConfig& sample) {
  return {{"dynamic_thresholding_ratio", sample.dynamic_thresholding_ratio},
          {"sample_max_value", sample.sample_max_value},
          {"thresholding", sample.thresholding}};
}

/// Solvers know no clipping, but thresholding at a largest value of 1 is clipping at 1.
json solver_clipping_json(const SampleConfig& sample) {
  if (!sample.clip_sample || sample.thresholding) return thresholding_json(sample);
  auto clipped = sample;
  clipped.thresholding = true;
  clipped.sample_max_value = 1.0;
  return thresholding_json(clipped);
}

json grid_json(const SampleConfig& sample) {
  return {{"use_exponential_sigmas", sample.timestep_spacing == TimestepSpacing::kLogSnr},
          {"use_karras_sigmas", sample.timestep_spacing == TimestepSpacing::kKarras}};
}

json clipping_json(const SampleConfig& sample) {
  return {{"clip_sample", sample.clip_sample}, {"clip_sample_range", sample.clip_sample_range}};
}

json solver_json(const SampleConfig& sample, SamplerType twin) {
  const int64_t usual = traits_of(twin).usual_order;
  return {{"lower_order_final", sample.lower_order_final},
          {"solver_order", sample.order == 0 ? usual : sample.order}};
}

json named(std::string_view name, const std::vector<json>& parts) {
  json config = {{"_class_name", name}, {"_diffusers_version", kDiffusersVersion}};
  for (const auto& part : parts)
    config.update(part);
  return config;
}

json dpm_parts(const SampleConfig& sample) {
  return named("", {solver_json(sample, sample.sampler),
                    solver_clipping_json(sample),
                    {{"algorithm_type", traits_of(sample.sampler).algorithm_type},
                     {"final_sigmas_type", to_name(sample.final_sigmas_type)},
                     {"solver_type", to_name(resolved_solver_type(sample))}}});
}

json edm_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  const bool even_in_log = sample.timestep_spacing == TimestepSpacing::kLogSnr;
  const json common = {{"final_sigmas_type", to_name(sample.final_sigmas_type)},
                       {"num_train_timesteps", diffusion.num_train_timesteps},
                       {"prediction_type", "epsilon"},
                       {"rho", 7.0},
                       {"sigma_data", diffusion.sigma_data},
                       {"sigma_max", diffusion.sigma_max},
                       {"sigma_min", diffusion.sigma_min},
                       {"sigma_schedule", even_in_log ? "exponential" : "karras"}};
  if (traits_of(sample.sampler).algorithm_type.empty()) return named("EDMEulerScheduler", {common});
  auto config = dpm_parts(sample);
  config.update(named("EDMDPMSolverMultistepScheduler", {common}));
  return config;
}

json flow_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  return named(
      "FlowMatchEulerDiscreteScheduler",
      {grid_json(sample),
       {{"num_train_timesteps", diffusion.num_train_timesteps}, {"shift", sample.flow_shift}}});
}

/// Euler without noise is DDIM, and Euler ancestral is DDPM with the small variance, to the last
/// digit. They are written as those, since diffusers' DDPMPipeline does not scale the input as its
/// Euler schedulers need it; but only Euler's have grids and fractional timesteps.
json one_step_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  const std::vector<json> common = {betas_json(diffusion), spacing_json(sample),
                                    clipping_json(sample), thresholding_json(sample)};
  const bool clips = sample.clip_sample || sample.thresholding;
  const bool fractions = sample.timestep_spacing == TimestepSpacing::kLinspace && !clips;
  if (sample.sampler == SamplerType::kEulerAncestral && fractions)
    return named("EulerAncestralDiscreteScheduler", {betas_json(diffusion), spacing_json(sample)});
  if (sample.sampler == SamplerType::kEuler && (is_on_grid(sample) || fractions))
    return named("EulerDiscreteScheduler",
                 {betas_json(diffusion),
                  one_step_spacing_json(sample),
                  grid_json(sample),
                  {{"final_sigmas_type", to_name(sample.final_sigmas_type)}}});
  if (sample.sampler == SamplerType::kDdim || sample.sampler == SamplerType::kEuler) {
    auto config = named("DDIMScheduler", common);
    config["set_alpha_to_one"] = sample.final_sigmas_type == FinalSigma::kZero;
    return config;
  }
  const bool ancestral = sample.sampler == SamplerType::kEulerAncestral;
  auto config = named("DDPMScheduler", common);
  config["variance_type"] = to_name(ancestral ? VarianceType::kFixedSmall : sample.variance_type);
  return config;
}

json heun_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  auto resolved = sample;
  resolved.timestep_spacing = resolved_spacing(diffusion.process, sample);
  return named(traits_of(sample.sampler).scheduler,
               {betas_json(diffusion), one_step_spacing_json(resolved), clipping_json(resolved),
                grid_json(resolved)});
}

json dpm_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  auto config = dpm_parts(sample);
  config.update(named(traits_of(sample.sampler).scheduler,
                      {betas_json(diffusion), spacing_json(sample), grid_json(sample)}));
  return config;
}

json unipc_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  return named(traits_of(sample.sampler).scheduler,
               {betas_json(diffusion),
                spacing_json(sample),
                solver_clipping_json(sample),
                grid_json(sample),
                solver_json(sample, sample.sampler),
                {{"final_sigmas_type", to_name(sample.final_sigmas_type)},
                 {"solver_type", to_name(resolved_solver_type(sample))}}});
}

json deis_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  return named(traits_of(sample.sampler).scheduler,
               {betas_json(diffusion),
                spacing_json(sample),
                solver_clipping_json(sample),
                grid_json(sample),
                solver_json(sample, SamplerType::kDeis),
                {{"solver_type", to_name(SolverType::kLogRho)}}});
}

struct Writer {
  std::string_view class_name;
  json (*write)(const DiffusionConfig& diffusion, const SampleConfig& sample);
};

constexpr Writer kWriters[] = {
    {"DDIMScheduler", one_step_json},          {"DDPMScheduler", one_step_json},
    {"EulerDiscreteScheduler", one_step_json}, {"EulerAncestralDiscreteScheduler", one_step_json},
    {"HeunDiscreteScheduler", heun_json},      {"DPMSolverMultistepScheduler", dpm_json},
    {"UniPCMultistepScheduler", unipc_json},   {"DEISMultistepScheduler", deis_json},
};

/// A key that the class does not know, but the network was trained by, goes under a private name.
json discrete_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  constexpr const char* kRescale = "rescale_betas_zero_snr";
  const auto scheduler = traits_of(sample.sampler).scheduler;
  const json config =
      std::ranges::find(kWriters, scheduler, &Writer::class_name)->write(diffusion, sample);
  json own = own_scheduler_keys(config, config.at("_class_name").get<std::string>());
  if (diffusion.rescale_betas_zero_snr && !own.contains(kRescale))
    own[std::string("_") + kRescale] = true;
  return own;
}

}  // namespace

json scheduler_config_to_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  if (diffusion.variance == Variance::kLearnedRange) {  // the only one that takes such a network
    auto learned = sample;
    learned.sampler = SamplerType::kDdpm;
    learned.variance_type = VarianceType::kLearnedRange;
    return one_step_json(diffusion, learned);
  }
  if (diffusion.process == ProcessType::kEdm) return edm_json(diffusion, sample);
  if (diffusion.process == ProcessType::kFlow) return flow_json(diffusion, sample);
  return discrete_json(diffusion, sample);
}

}  // namespace ddpm
