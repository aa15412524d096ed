#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/diffusion/resolved_spacing.h"

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

json solver_json(const SampleConfig& sample, int64_t usual_order) {
  return {{"lower_order_final", sample.lower_order_final},
          {"solver_order", sample.order == 0 ? usual_order : sample.order}};
}

json named(std::string_view name, const std::vector<json>& parts) {
  json config = {{"_class_name", name}, {"_diffusers_version", kDiffusersVersion}};
  for (const auto& part : parts)
    config.update(part);
  return config;
}

json dpm_parts(const SampleConfig& sample) {
  const bool third =
      sample.sampler == SamplerType::kDpmpp3m || sample.sampler == SamplerType::kDpmpp3mSde;
  const bool noisy =
      sample.sampler == SamplerType::kDpmpp2mSde || sample.sampler == SamplerType::kDpmpp3mSde;
  const bool heun = sample.solver_type == SolverType::kHeun;
  return named("", {solver_json(sample, third ? 3 : 2),
                    solver_clipping_json(sample),
                    {{"algorithm_type", noisy ? "sde-dpmsolver++" : "dpmsolver++"},
                     {"final_sigmas_type", to_name(sample.final_sigmas_type)},
                     {"solver_type", heun ? "heun" : "midpoint"}}});
}

bool is_dpmpp(SamplerType sampler) {
  return sampler == SamplerType::kDpmpp2m || sampler == SamplerType::kDpmpp3m ||
         sampler == SamplerType::kDpmpp2mSde || sampler == SamplerType::kDpmpp3mSde;
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
  if (!is_dpmpp(sample.sampler)) return named("EDMEulerScheduler", {common});
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

json heun_json(const DiffusionConfig& diffusion, SampleConfig sample) {
  sample.timestep_spacing = resolved_spacing(diffusion.process, sample);
  return named("HeunDiscreteScheduler", {betas_json(diffusion), one_step_spacing_json(sample),
                                         clipping_json(sample), grid_json(sample)});
}

json discrete_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  const json betas = betas_json(diffusion);
  const json spacing = spacing_json(sample);
  const json clipping = solver_clipping_json(sample);
  if (is_dpmpp(sample.sampler)) {
    auto config = dpm_parts(sample);
    config.update(named("DPMSolverMultistepScheduler", {betas, spacing, grid_json(sample)}));
    return config;
  }
  switch (sample.sampler) {
    case SamplerType::kUniPc: {
      const bool bh1 = sample.solver_type == SolverType::kBh1;
      return named("UniPCMultistepScheduler",
                   {betas,
                    spacing,
                    clipping,
                    grid_json(sample),
                    solver_json(sample, 3),
                    {{"final_sigmas_type", to_name(sample.final_sigmas_type)},
                     {"solver_type", bh1 ? "bh1" : "bh2"}}});
    }
    case SamplerType::kDeis:
    case SamplerType::kIpndm:  // no twin; DEIS of the same order is nearest
      return named("DEISMultistepScheduler", {betas,
                                              spacing,
                                              clipping,
                                              grid_json(sample),
                                              solver_json(sample, 3),
                                              {{"solver_type", "logrho"}}});
    case SamplerType::kHeun:
      return heun_json(diffusion, sample);
    default:
      return one_step_json(diffusion, sample);
  }
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
