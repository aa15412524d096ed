#include "ddpm/cli/model_choice.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"
#include "ddpm/model/precision.h"
#include "ddpm/sample/generator.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"
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

/// "Ankle boot" as "ankle-boot".
std::string class_word(std::string word) {
  for (char& c : word) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c == ' ' || c == '_') c = '-';
  }
  return word;
}

}  // namespace

fs::path run_of(const fs::path& checkpoint) {
  const auto parent = fs::absolute(checkpoint).lexically_normal().parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : fs::path();
}

void warn_of_large_variance(const PipelineFolder& pipeline) {
  const auto& sample = pipeline.sample;
  if (sample.sampler != SamplerType::kDdpm || sample.variance_type != VarianceType::kFixedLarge)
    return;
  if (sample.steps * 4 > pipeline.diffusion.num_train_timesteps) return;
  log_warning("sampler ddpm with variance_type fixed_large leaves noise in " +
              std::to_string(sample.steps) +
              " steps; --sampler ddim or --variance-type fixed_small does better");
}

PipelineFolder load_model(const fs::path& checkpoint, const SettingFlags& flags) {
  PipelineFolder pipeline = load_pipeline_folder(checkpoint);
  Config config;
  config.sample = pipeline.sample;
  if (fs::exists(checkpoint / "config.yaml")) {
    config.sample = load_checkpoint_config(checkpoint).sample;
  }
  if (flags.contains("sample.sampler")) forget_solver(config.sample);
  if (flags.contains("sample.timestep_spacing")) config.sample.grid_ends = TimestepSpacing::kAuto;
  for (const auto& [key, text] : flags)
    if (key.starts_with("sample.")) set_setting(config, key, text, "command line");
  pipeline.sample = config.sample;
  const int64_t in = pipeline.model.in_channels;
  const int64_t out = pipeline.model.out_channels;
  if (out != in && out != 2 * in) {
    throw CheckpointError(checkpoint.string(), ": the model takes ", in, " channels and gives ",
                          out, "; sampling needs as many out as in, or twice as many with a ",
                          "learned variance");
  }
  if (pipeline.sample.sampler == SamplerType::kDdpm &&
      pipeline.sample.variance_type == VarianceType::kLearnedRange && out == in)
    throw UserError("sample.variance_type learned_range: the model ", checkpoint.string(),
                    " predicts no variance; expected fixed_small or fixed_large");
  return pipeline;
}

int64_t parse_class(const std::string& word, const ModelConfig& model) {
  const auto& names = model.class_names;
  const auto named = std::ranges::find(names, class_word(word), class_word);
  if (named != names.end()) return named - names.begin();
  const auto number = parse_number<int64_t>(word).value_or(-1);
  const int64_t classes = num_classes(model);
  if (number >= 0 && number < classes) return number;
  const std::string known = names.empty() ? "" : " or " + join(names);
  throw UserError("--class '", word, "': expected a number from 0 to ", classes - 1, known);
}

std::vector<int64_t> parse_classes(const std::optional<std::string>& given,
                                   const ModelConfig& model) {
  if (!given) return {};
  const auto& text = *given;
  if (text.empty()) throw UserError("--class '': expected class names or numbers");
  if (!model.num_class_embeds) throw UserError("--class ", text, ": the model has no classes");
  std::vector<int64_t> classes;
  for (const auto& word : split(text, ','))
    classes.push_back(parse_class(std::string(trim(word)), model));
  return classes;
}

fs::path find_checkpoint(const std::string& given) {
  if (!given.empty()) return resolve_checkpoint(clean_path(given));
  const auto run = find_newest_run("runs", "unet");
  const auto checkpoint = resolve_checkpoint(run);
  log_info("model: " + checkpoint.string());
  return checkpoint;
}

Precision parse_precision(const std::string& word) {
  const auto precision = from_name<Precision>(word.empty() ? "float32" : word);
  if (!precision)
    throw UserError("--precision must be float32, bf16, tf32 or auto, got '", word, "'");
  return *precision;
}

UNet make_unet(const PipelineFolder& pipeline, torch::Device device, Precision precision) {
  auto unet = load_unet(pipeline, device, kMemoryFormat);
  convert_parameters(*unet, precision);
  return unet;
}

Precision probe_sampling_precision(const PipelineFolder& pipeline, torch::Device device,
                                   int64_t batch) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [&](Precision precision) {
    SampleConfig options = pipeline.sample;
    options.steps = 1;
    options.guidance = 1.0;
    Generator generator(make_unet(pipeline, device, precision), pipeline.diffusion, options,
                        device);
    const GenerationRequest request{.seeds = std::vector<uint64_t>(static_cast<size_t>(batch)),
                                    .labels = cycle_labels(pipeline.model, {}, batch),
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
