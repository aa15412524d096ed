#include "ddpm/checkpoint/scheduler_config.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/scheduler_keys.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace {

using nlohmann::json;

struct Settings {
  DiffusionConfig& diffusion;
  SampleConfig& sample;
};

void read_betas(ConfigReader& in, DiffusionConfig& diffusion) {
  diffusion.process = ProcessType::kDiscrete;
  diffusion.num_train_timesteps = in.integer("num_train_timesteps", 1000);
  diffusion.beta_start = in.number("beta_start", 1e-4);
  diffusion.beta_end = in.number("beta_end", 0.02);
  diffusion.beta_schedule = in.choice("beta_schedule", BetaSchedule::kLinear);
  diffusion.trained_betas = in.numbers("trained_betas", {});
  if (!diffusion.trained_betas.empty())
    diffusion.num_train_timesteps = static_cast<int64_t>(diffusion.trained_betas.size());
  diffusion.rescale_betas_zero_snr =
      in.boolean("rescale_betas_zero_snr", in.boolean("_rescale_betas_zero_snr", false));
  diffusion.prediction_type = in.choice("prediction_type", PredictionType::kEpsilon);
}

/// Timestep spacing, or one of the flags that put something else in its place.
void read_spacing(ConfigReader& in, SampleConfig& sample, TimestepSpacing usual) {
  sample.timestep_spacing = in.choice("timestep_spacing", usual);
  sample.steps_offset = in.integer("steps_offset", 0);
  if (in.boolean("use_karras_sigmas", false)) sample.timestep_spacing = TimestepSpacing::kKarras;
  if (in.boolean("use_exponential_sigmas", false) || in.boolean("use_lu_lambdas", false))
    sample.timestep_spacing = TimestepSpacing::kLogSnr;
  in.require("use_beta_sigmas", false);
  in.require("use_flow_sigmas", false);
}

/// Dynamic thresholding; at a largest value of 1 it is plain clipping.
void read_thresholding(ConfigReader& in, SampleConfig& sample) {
  sample.thresholding = in.boolean("thresholding", false);
  sample.dynamic_thresholding_ratio = in.number("dynamic_thresholding_ratio", 0.995);
  sample.sample_max_value = in.number("sample_max_value", 1.0);
  sample.clip_sample = sample.thresholding && sample.sample_max_value == 1.0;
  if (!sample.clip_sample) return;
  sample.thresholding = false;
  sample.clip_sample_range = 1.0;
}

/// As the pipelines call DDPM and DDIM: the noise is not derived again from the clipped image.
void read_clipping(ConfigReader& in, SampleConfig& sample) {
  read_thresholding(in, sample);
  sample.clip_sample = sample.clip_sample || in.boolean("clip_sample", true);
  sample.use_clipped_model_output = false;
  sample.clip_sample_range = in.number("clip_sample_range", 1.0);
}

void read_multistep(ConfigReader& in, SampleConfig& sample) {
  read_thresholding(in, sample);
  sample.use_clipped_model_output = true;
  read_spacing(in, sample, TimestepSpacing::kLinspace);
  sample.order = in.integer("solver_order", 2);
  sample.lower_order_final = in.boolean("lower_order_final", true);
  sample.final_sigmas_type = in.choice("final_sigmas_type", FinalSigma::kZero);
}

void read_ddpm(ConfigReader& in, const Settings& to) {
  to.sample.sampler = SamplerType::kDdpm;
  read_clipping(in, to.sample);
  read_spacing(in, to.sample, TimestepSpacing::kLeading);
  auto name = in.text("variance_type", "fixed_small");
  if (name == "fixed_small_log") name = "fixed_small";  // the same variance, computed by logarithms
  if (name == "fixed_large_log") name = "fixed_large";
  const auto type = from_name<VarianceType>(name);
  if (!type) in.refuse("variance_type");
  to.sample.variance_type = *type;
  const bool learned = *type == VarianceType::kLearnedRange;
  to.diffusion.variance = learned ? Variance::kLearnedRange : Variance::kFixed;
}

/// Without `set_alpha_to_one` the last step ends at the noise level of timestep 0.
void read_ddim(ConfigReader& in, const Settings& to) {
  to.sample.sampler = SamplerType::kDdim;
  read_clipping(in, to.sample);
  read_spacing(in, to.sample, TimestepSpacing::kLeading);
  to.sample.final_sigmas_type =
      in.boolean("set_alpha_to_one", true) ? FinalSigma::kZero : FinalSigma::kSigmaMin;
}

/// The sampler of that algorithm type whose usual order is nearest to the one that is asked for.
void read_dpmpp_kind(ConfigReader& in, SampleConfig& sample) {
  const auto kind = in.text("algorithm_type", "dpmsolver++");
  const int64_t order = sample.order >= 3 ? 3 : 2;
  const auto row = std::ranges::find_if(sampler_traits(), [&](const SamplerTraits& traits) {
    return traits.algorithm_type == kind && traits.usual_order == order;
  });
  if (row == sampler_traits().end()) in.refuse("algorithm_type");
  sample.sampler = row->type;
  sample.solver_type = in.choice("solver_type", SolverType::kMidpoint);
  in.require("euler_at_final", false);
}

void read_dpm(ConfigReader& in, const Settings& to) {
  read_multistep(in, to.sample);
  read_dpmpp_kind(in, to.sample);
  in.require("lambda_min_clipped", "-Infinity");
}

void read_unipc(ConfigReader& in, const Settings& to) {
  to.sample.sampler = SamplerType::kUniPc;
  read_multistep(in, to.sample);
  to.sample.solver_type = in.choice("solver_type", SolverType::kBh2);
  in.require("predict_x0", true);
  in.require("disable_corrector", json::array());
  for (const char* key : {"solver_p", "sigma_min", "sigma_max"})
    in.require(key, nullptr);
}

void read_deis(ConfigReader& in, const Settings& to) {
  to.sample.sampler = SamplerType::kDeis;
  read_multistep(in, to.sample);
  to.sample.final_sigmas_type = FinalSigma::kSigmaMin;  // log rho has no value at 0
  to.sample.solver_type = in.choice("solver_type", SolverType::kLogRho);
  in.require("algorithm_type", "deis");
}

void read_unclipped(ConfigReader& in, SampleConfig& sample, SamplerType sampler) {
  sample.sampler = sampler;
  sample.clip_sample = in.boolean("clip_sample", false);
  sample.clip_sample_range = in.number("clip_sample_range", 1.0);
  sample.use_clipped_model_output = true;
  read_spacing(in, sample, TimestepSpacing::kLinspace);
  const auto plain = in.choice("timestep_spacing", TimestepSpacing::kLinspace);
  const bool on_grid = sample.timestep_spacing != plain;
  if (on_grid && plain != TimestepSpacing::kLinspace) sample.grid_ends = plain;
  sample.final_sigmas_type = in.choice("final_sigmas_type", FinalSigma::kZero);
  in.require("interpolation_type", "linear");
  in.require("timestep_type", "discrete");
  in.require("sigma_min", nullptr);
  in.require("sigma_max", nullptr);
}

void read_euler(ConfigReader& in, const Settings& to) {
  read_unclipped(in, to.sample, SamplerType::kEuler);
}

void read_euler_ancestral(ConfigReader& in, const Settings& to) {
  read_unclipped(in, to.sample, SamplerType::kEulerAncestral);
}

/// Its defaults of beta are its own.
void read_heun(ConfigReader& in, const Settings& to) {
  read_unclipped(in, to.sample, SamplerType::kHeun);
  to.diffusion.beta_start = in.number("beta_start", 0.00085);
  to.diffusion.beta_end = in.number("beta_end", 0.012);
}

/// A solver that has no twin here.
void read_other(ConfigReader& in, const Settings& to) {
  read_ddim(in, to);
  log_warning("scheduler " + in.text("_class_name", "") + ": its solver is not known here; " +
              "sampling with ddim, or as `sampler` says");
}

void read_edm(ConfigReader& in, const Settings& to) {
  to.diffusion.process = ProcessType::kEdm;
  to.diffusion.num_train_timesteps = in.integer("num_train_timesteps", 1000);
  to.diffusion.sigma_data = in.number("sigma_data", 0.5);
  to.diffusion.sigma_min = in.number("sigma_min", 0.002);
  to.diffusion.sigma_max = in.number("sigma_max", 80.0);
  to.sample.sampler = SamplerType::kEuler;
  to.sample.clip_sample = false;
  const auto grid = in.text("sigma_schedule", "karras");
  if (grid != "karras" && grid != "exponential") in.refuse("sigma_schedule");
  to.sample.timestep_spacing =
      grid == "karras" ? TimestepSpacing::kKarras : TimestepSpacing::kLogSnr;
  to.sample.final_sigmas_type = in.choice("final_sigmas_type", FinalSigma::kZero);
  in.require("prediction_type", "epsilon");
  in.require("rho", 7.0);
}

void read_edm_dpm(ConfigReader& in, const Settings& to) {
  read_edm(in, to);
  read_thresholding(in, to.sample);
  to.sample.use_clipped_model_output = true;
  to.sample.order = in.integer("solver_order", 2);
  to.sample.lower_order_final = in.boolean("lower_order_final", true);
  read_dpmpp_kind(in, to.sample);
}

void read_flow(ConfigReader& in, const Settings& to) {
  to.diffusion.process = ProcessType::kFlow;
  to.diffusion.num_train_timesteps = in.integer("num_train_timesteps", 1000);
  to.sample.sampler = SamplerType::kEuler;
  to.sample.clip_sample = false;
  read_spacing(in, to.sample, TimestepSpacing::kLinspace);
  to.sample.flow_shift = in.number("shift", 1.0);
  for (const char* key : {"use_dynamic_shifting", "invert_sigmas", "stochastic_sampling"})
    in.require(key, false);
  in.require("shift_terminal", nullptr);
}

struct Row {
  std::string_view class_name;
  void (*read)(ConfigReader& in, const Settings& to);
  bool has_betas = true;
};

constexpr auto kSchedulers = std::to_array<Row>({
    {"DDPMScheduler", read_ddpm},
    {"DDPMParallelScheduler", read_ddpm},
    {"DDIMScheduler", read_ddim},
    {"DDIMParallelScheduler", read_ddim},
    {"DPMSolverMultistepScheduler", read_dpm},
    {"UniPCMultistepScheduler", read_unipc},
    {"DEISMultistepScheduler", read_deis},
    {"EulerDiscreteScheduler", read_euler},
    {"EulerAncestralDiscreteScheduler", read_euler_ancestral},
    {"HeunDiscreteScheduler", read_heun},
    {"PNDMScheduler", read_other},
    {"LMSDiscreteScheduler", read_other},
    {"DPMSolverSinglestepScheduler", read_other},
    {"KDPM2DiscreteScheduler", read_other},
    {"KDPM2AncestralDiscreteScheduler", read_other},
    {"SASolverScheduler", read_other},
    {"EDMEulerScheduler", read_edm, false},
    {"EDMDPMSolverMultistepScheduler", read_edm_dpm, false},
    {"FlowMatchEulerDiscreteScheduler", read_flow, false},
});

const Row& row_of(const json& object, const std::string& origin) {
  const json name = object.value("_class_name", json("DDPMScheduler"));
  if (name.is_string()) {
    const auto row = std::ranges::find(kSchedulers, name.get<std::string>(), &Row::class_name);
    if (row != kSchedulers.end()) return *row;
  }
  throw CheckpointError(origin, ": scheduler ", name.dump(), " is not supported");
}

}  // namespace

void scheduler_config_from_json(const json& object, const std::string& origin,
                                DiffusionConfig& diffusion, SampleConfig& sample) {
  if (!object.is_object()) throw CheckpointError(origin, ": expected a JSON object");
  const auto& row = row_of(object, origin);
  const json own = own_scheduler_keys(object, row.class_name);
  ConfigReader in(own, origin);
  if (row.has_betas) read_betas(in, diffusion);
  row.read(in, {diffusion, sample});
  if (diffusion.num_train_timesteps < 1)
    throw CheckpointError(origin, ": expected at least one timestep");
  check_rules_of_file(origin, [&] {
    check_diffusion(diffusion);
    check_sample_ranges(sample);
  });
}

}  // namespace ddpm
