#include "ddpm/cli/sample_job.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/cli/device.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/data/npy.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/sample/generator.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// The run folder that a checkpoint lies in, if it does.
fs::path run_of(const fs::path& checkpoint) {
  const auto parent = fs::absolute(checkpoint).lexically_normal().parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : fs::path();
}

/// Takes back what belongs to the checkpoint's own sampler, for another one.
void forget_solver(SampleConfig& sample) {
  const SampleConfig defaults;
  sample.order = defaults.order;
  sample.solver_type = defaults.solver_type;
  sample.eta = defaults.eta;
  sample.s_churn = defaults.s_churn;
  sample.grid_ends = defaults.grid_ends;
}

/// The large variance leaves its noise in the images unless steps are small.
void warn_of_large_variance(const PipelineFolder& pipeline) {
  const auto& sample = pipeline.sample;
  if (sample.sampler != SamplerType::kDdpm || sample.variance_type != VarianceType::kFixedLarge)
    return;
  if (sample.steps * 4 > pipeline.diffusion.num_train_timesteps) return;
  log_warning("sampler ddpm with variance_type fixed_large leaves noise in " +
              std::to_string(sample.steps) +
              " steps; --sampler ddim or --variance-type fixed_small does better");
}

/// The model, with sampling settings of its own run if it is one of ours, then those of flags.
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
    set_setting(config, key, text, "command line");
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

/// "Ankle boot" as "ankle-boot".
std::string class_word(std::string word) {
  for (char& c : word) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c == ' ' || c == '_') c = '-';
  }
  return word;
}

int64_t parse_class(const std::string& word, const ModelConfig& model) {
  const auto& names = model.class_names;
  const auto named = std::ranges::find(names, class_word(word), class_word);
  if (named != names.end()) return named - names.begin();
  int64_t number = -1;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  const int64_t classes = num_classes(model);
  if (code == std::errc() && end == word.data() + word.size() && number >= 0 && number < classes) {
    return number;
  }
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

/// True if timesteps of two models of one process stand for the same noise levels.
bool has_same_levels(const DiffusionConfig& a, const DiffusionConfig& b) {
  if (a.process == ProcessType::kDiscrete) {
    return NoiseSchedule(a).alpha_bars() == NoiseSchedule(b).alpha_bars();
  }
  return a.process == ProcessType::kEdm || a.num_train_timesteps == b.num_train_timesteps;
}

/// The weaker model of `--guide-with`, whose noise levels and images must be those of `strong`.
PipelineFolder load_weaker(const std::string& path, const PipelineFolder& strong) {
  auto weaker = load_pipeline_folder(resolve_checkpoint(clean_path(path)));
  if (weaker.diffusion.process != strong.diffusion.process)
    throw UserError("--guide-with ", path, ": the process is ", to_name(weaker.diffusion.process),
                    ", expected ", to_name(strong.diffusion.process), " as of the model it guides");
  if (!has_same_levels(weaker.diffusion, strong.diffusion))
    throw UserError("--guide-with ", path,
                    ": expected the timesteps and noise schedule of the model it guides");
  if (weaker.model.in_channels != strong.model.in_channels ||
      weaker.model.num_class_embeds != strong.model.num_class_embeds ||
      weaker.model.null_class_label != strong.model.null_class_label)
    throw UserError("--guide-with ", path,
                    ": expected a model of the same image channels and classes");
  return weaker;
}

/// Noise to start from, float32 [N, C, H, W].
torch::Tensor load_noise(const std::string& path, const ModelConfig& model) {
  const auto array = parse_npy(read_file(path), path);
  if (array.dtype != "f4" || array.shape.size() != 4 || array.shape[0] < 1 ||
      array.shape[1] != model.in_channels) {
    throw DataError(path, ": expected float32 noise of shape [N, ", model.in_channels,
                    ", height, width]");
  }
  auto noise = torch::empty(array.shape);
  std::memcpy(noise.data_ptr(), array.bytes.data(), array.bytes.size());
  return noise;
}

/// The classifier of `--classifier`, whose images and classes must be those of the model.
ClassifierFolder load_guide(const std::string& path, const ModelConfig& model) {
  auto guide = load_classifier_folder(resolve_checkpoint(clean_path(path)));
  if (guide.model.in_channels != model.in_channels)
    throw UserError("--classifier ", path, ": takes images of ", guide.model.in_channels,
                    " channels, expected ", model.in_channels, " as of the model it guides");
  if (model.num_class_embeds && num_classes(model) != num_classes(guide.model))
    throw UserError("--classifier ", path, ": knows ", num_classes(guide.model),
                    " classes, expected ", num_classes(model), " as of the model it guides");
  return guide;
}

/// Size of the images: the noise's, else the model's own.
void settle_size(ModelConfig& model, const torch::Tensor& noise) {
  if (noise.defined()) model.sample_size = {noise.size(2), noise.size(3)};
  if (model.sample_size.empty()) {
    throw CheckpointError(
        "the model's config has no sample_size; give --noise FILE.npy of the size "
        "to draw");
  }
  check_image_size(model, model.sample_size[0], model.sample_size[1]);
}

/// runs/NAME/samples/step-000500-ddim50-g3-seed0.png, with a number behind if that is taken.
fs::path default_output(const SampleJob& job, const SampleFlags& flags) {
  const auto& options = job.pipeline.sample;
  const auto folder = job.run.empty() ? fs::path() : job.run / "samples";
  std::string name = job.checkpoint.filename().string() + "-" +
                     std::string(to_name(options.sampler)) + std::to_string(options.steps);
  if (options.guidance != 1.0) name += "-g" + format_number(options.guidance);
  if (job.classifier) name += "-c" + format_number(flags.classifier_scale);
  name += "-seed" + std::to_string(flags.seed);
  fs::path path = folder / (name + ".png");
  for (int number = 2; fs::exists(path); ++number)
    path = folder / (name + "-" + std::to_string(number) + ".png");
  return path.lexically_proximate(fs::current_path());
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

}  // namespace

SampleJob make_sample_job(const SampleFlags& flags) {
  SampleJob job;
  job.precision = parse_precision(flags.common.precision);
  if (!flags.out.empty()) {
    output_kind(flags.out);
    check_output_free(flags.out);
  }
  job.checkpoint = find_checkpoint(flags.checkpoint);
  job.run = run_of(job.checkpoint);
  job.pipeline = load_model(job.checkpoint, flags.settings);
  auto& model = job.pipeline.model;
  if (flags.negative_class) {
    if (!model.num_class_embeds) throw UserError("--negative-class: the model has no classes");
    job.pipeline.sample.negative_class = parse_class(*flags.negative_class, model);
  }
  if (!flags.guide_with.empty()) {
    job.weaker = load_weaker(flags.guide_with, job.pipeline);
  } else {
    check_guidance(model, job.pipeline.sample);
  }
  if (!flags.classifier.empty()) job.classifier = load_guide(flags.classifier, model);
  if (!flags.noise.empty()) job.noise = load_noise(flags.noise, model);
  settle_size(model, job.noise);
  job.count = flags.count.value_or(job.noise.defined() ? job.noise.size(0) : 64);
  if (job.noise.defined() && job.noise.size(0) < job.count) {
    throw UserError("-n ", job.count, ": ", flags.noise, " holds noise for only ",
                    job.noise.size(0), " images");
  }
  job.labels = cycle_labels(job.classes(), parse_classes(flags.classes, job.classes()), job.count);
  check_sample(job.pipeline.sample, job.pipeline.diffusion);
  job.out = flags.out.empty() ? default_output(job, flags) : fs::path(flags.out);
  job.device = select_device(flags.common.device, flags.common.cudnn_autotune);
  apply_precision(job.precision, job.device);
  warn_of_large_variance(job.pipeline);
  return job;
}

}  // namespace ddpm
