#include "ddpm/app/opened_model.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/app/data_root.h"
#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/fitting.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/model/precision.h"
#include "ddpm/model/signature.h"
#include "ddpm/sample/generator.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// Takes back what belongs to the checkpoint's own sampler, for another one.
void forget_solver(SampleConfig& sample) {
  const SampleConfig defaults;
  sample.order = defaults.order;
  sample.solver_type = defaults.solver_type;
  sample.eta = defaults.eta;
  sample.s_churn = defaults.s_churn;
  sample.grid_ends = defaults.grid_ends;
}

/// Whether someone has put another scheduler into the checkpoint of a run with these settings.
bool has_other_scheduler(const ModelFolder& folder, const Config& config) {
  if (is_in_checksums(folder.path, "scheduler/scheduler_config.json")) return false;
  ModelFolder usual;
  scheduler_config_from_json(scheduler_config_to_json(config.diffusion, config.sample),
                             folder.path.string(), usual.diffusion, usual.sample);
  return scheduler_config_to_json(usual.diffusion, usual.sample) !=
         scheduler_config_to_json(folder.diffusion, folder.sample);
}

}  // namespace

std::shared_ptr<const OpenedModel> ModelCache::open(const fs::path& checkpoint) {
  const auto key = fs::absolute(checkpoint).lexically_normal();
  if (const auto known = models_.find(key); known != models_.end()) return known->second;
  auto model = open_model(checkpoint);
  model.weights_hash = weights_hash(load_weights(model.pipeline));
  return models_.emplace(key, std::make_shared<const OpenedModel>(std::move(model))).first->second;
}

OpenedModel open_model(const fs::path& checkpoint) {
  OpenedModel model;
  model.checkpoint = checkpoint;
  model.run = run_of(checkpoint);
  model.pipeline = open_model_folder(checkpoint);
  if (fs::exists(checkpoint / "config.yaml")) {
    const auto config = load_checkpoint_config(checkpoint);
    if (has_other_scheduler(model.pipeline, config))
      log_info(checkpoint.string() +
               ": its scheduler was changed after training; sampling as it says");
    else
      model.pipeline.sample = config.sample;
    model.data = config.data;
    if (!model.run.empty()) model.data->root = root_of_run(config.data.root, model.run);
  }
  const int64_t in = model.pipeline.network.signature.data_channels;
  const int64_t out = model.pipeline.network.signature.out_channels;
  if (out == in || out == 2 * in) return model;
  throw CheckpointError(checkpoint.string(), ": the model takes ", in, " channels and gives ", out,
                        "; sampling needs as many out as in, or twice as many with a ",
                        "learned variance");
}

SampleConfig resolve_sampling(const OpenedModel& model, const SettingOverrides& overrides) {
  Config config;
  config.sample = model.pipeline.sample;
  if (overrides.has("sample.sampler")) forget_solver(config.sample);
  if (overrides.has("sample.timestep_spacing")) config.sample.grid_ends = TimestepSpacing::kAuto;
  overrides.apply(config, "sample");
  if (!overrides.has("sample.steps")) {
    const auto line = fit_sample_steps(config.sample, model.pipeline.diffusion);
    if (!line.empty()) log_info(line);
  }
  const auto& signature = model.pipeline.network.signature;
  if (config.sample.sampler == SamplerType::kDdpm &&
      config.sample.variance_type == VarianceType::kLearnedRange &&
      signature.out_channels == signature.data_channels)
    throw UserError("sample.variance_type learned_range: the model ", model.checkpoint.string(),
                    " predicts no variance; expected fixed_small or fixed_large");
  return config.sample;
}

void warn_of_large_variance(const SampleConfig& sample, const DiffusionConfig& diffusion) {
  if (sample.sampler != SamplerType::kDdpm || sample.variance_type != VarianceType::kFixedLarge)
    return;
  if (sample.steps * 4 > diffusion.num_train_timesteps) return;
  log_warning("sampler ddpm with variance_type fixed_large leaves noise in " +
              std::to_string(sample.steps) +
              " steps; `sampler` ddim or `variance_type` fixed_small does better");
}

void warn_of_unseen_start(const DiffusionConfig& diffusion) {
  constexpr double kMostSignal = 0.01;  // alpha_bar; 4e-5 in DDPM
  const auto process = make_process(diffusion);
  if (process->chain() == nullptr) return;
  const double alpha_bar = process->chain()->alpha_bars().back();
  if (alpha_bar <= kMostSignal) return;
  log_warning("the noise schedule leaves alpha_bar " +
              format_number(std::round(1e3 * alpha_bar) / 1e3) +
              " at its last timestep, but images are drawn from pure noise, which the network has "
              "never seen: they will be pale or alike. Train with more "
              "diffusion.num_train_timesteps, a higher diffusion.beta_end or "
              "diffusion.beta_schedule squaredcos_cap_v2");
}

int64_t parse_class(const std::string& word, const Signature& signature) {
  if (const auto found = find_class(word, signature)) return *found;
  const auto& names = signature.class_names;
  const std::string known = names.empty() ? "" : " or " + join(names);
  throw UserError("`class` '", word, "': expected a number from 0 to ", signature.classes - 1,
                  known);
}

std::vector<int64_t> parse_classes(const std::optional<std::string>& given,
                                   const Signature& signature) {
  if (!given) return {};
  const auto& text = *given;
  if (text.empty()) throw UserError("`class` '': expected class names or numbers");
  if (signature.classes == 0) throw UserError("`class` ", text, ": the model has no classes");
  const auto& names = signature.class_names;
  if (std::ranges::find(names, text) != names.end()) return {parse_class(text, signature)};
  std::vector<int64_t> classes;
  for (const auto& word : split_escaped(text, ','))
    classes.push_back(parse_class(std::string(trim(word)), signature));
  return classes;
}

fs::path find_checkpoint(const std::string& given) {
  if (!given.empty()) return resolve_checkpoint(clean_path(given));
  const auto run = find_newest_run("runs", [](const fs::path& checkpoint) {
    return find_component(checkpoint, NetworkUse::kDenoise) != nullptr;
  });
  const auto checkpoint = resolve_checkpoint(run);
  log_info("model: " + checkpoint.string());
  return checkpoint;
}

Network make_model(const ModelFolder& pipeline, torch::Device device, Precision precision) {
  auto network = load_network(pipeline, device);
  convert_parameters(*network, precision);
  return network;
}

Precision probe_sampling_precision(const ModelFolder& pipeline, torch::Device device,
                                   int64_t batch) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [&](Precision precision) {
    SampleConfig options = pipeline.sample;
    options.steps = 1;
    options.guidance = 1.0;
    Generator generator(make_model(pipeline, device, precision), pipeline.diffusion, options,
                        device);
    const GenerationRequest request{.seeds = std::vector<uint64_t>(static_cast<size_t>(batch)),
                                    .labels = cycle_labels(pipeline.network.signature, {}, batch),
                                    .initial_noise = {}};
    generator.generate(request);  // pays for set-up
    const auto start = Clock::now();
    generator.generate(request);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  return seconds(Precision::kBFloat16) < seconds(Precision::kFloat32) ? Precision::kBFloat16
                                                                      : Precision::kFloat32;
}

}  // namespace ddpm
