#include "ddpm/cli/eval_job.h"

#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/inception.h"
#include "ddpm/sample/generator.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kDefaultImages = 10'000;

void check_selection(const EvalFlags& flags) {
  if (flags.all || flags.metrics.any()) return;
  throw UserError(
      "no metric is asked for: give --fid, --kid, --is, --pr, --fid-infinity, --class-agreement, "
      "--per-class, --diversity, --neighbours, --bpd or --all");
}

bool compares(const EvalFlags& flags) {
  return flags.all || flags.metrics.needs_reference();
}

/// Whether a split of the data is scored or compared with.
bool wants_data(const EvalFlags& flags) {
  return is_split(flags.images) || (compares(flags) && is_split(flags.reference));
}

void check_path(const std::string& flag, const std::string& path) {
  if (is_split(path) || path.empty()) return;
  std::error_code code;
  if (!fs::exists(path, code))
    throw DataError(flag, " ", path, ": ", code ? code.message() : "no such file or folder");
  if (!fs::is_directory(path) && fs::path(path).extension() != ".npz")
    throw UserError(flag, " ", path, ": expected train, test, a folder or an .npz file");
}

void check_free(const std::string& flag, const std::string& path, const std::string& extension) {
  if (path.empty()) return;
  if (fs::path(path).extension() != extension)
    throw UserError(flag, " ", path, ": expected a name that ends in ", extension);
  if (fs::exists(path)) throw UserError(flag, " ", path, ": exists already; give another name");
}

void check_features(const EvalFlags& flags) {
  parse_inception_resize(flags.resize);
  const auto& text = flags.features;
  const bool known = text.starts_with("inception:") || text.starts_with("classifier:");
  if (text.empty() || known) return;
  throw UserError("--features ", text,
                  ": expected inception:FILE.safetensors or classifier:CHECKPOINT");
}

void check_flags(const EvalFlags& flags) {
  check_selection(flags);
  check_path("--images", flags.images);
  check_path("--reference", flags.reference);
  check_features(flags);
  check_free("--save-stats", flags.save_stats, ".npz");
  if (!flags.save_stats.empty() && !compares(flags))
    throw UserError("--save-stats: no metric that is asked for has a reference; add --fid");
  if (!flags.out.empty() && flags.sweeps.empty()) check_free("--out", flags.out, ".json");
  const auto& method = flags.bits.method;
  if (method != "auto" && method != "bound" && method != "ode")
    throw UserError("--bpd-method ", method, ": expected auto, bound or ode");
  if (flags.save_images.empty()) return;
  if (!flags.images.empty()) throw UserError("--save-images: --images are files already");
  output_kind(flags.save_images);
  check_output_free(flags.save_images);
}

/// Whether a model has a part in it: it draws the images, tells bits, or knows the data.
bool needs_checkpoint(const EvalFlags& flags) {
  if (flags.images.empty() || flags.metrics.bits_per_dim || !flags.checkpoint.empty()) return true;
  return wants_data(flags) && !flags.settings.contains("data.name");
}

/// A checkpoint, which may be of anyone, does not say how much memory its data may take here.
void limit_memory(DataConfig& data) {
  const double most = DataConfig().memory_limit_gb;
  if (data.memory_limit_gb <= most) return;
  const auto asked = format_number(data.memory_limit_gb);
  log_info("data may take " + format_number(most) + " GB of memory, not the checkpoint's " + asked +
           "; --data.memory_limit_gb " + asked + " allows it");
  data.memory_limit_gb = most;
}

/// The data that the model was trained on, with what flags change.
std::optional<DataConfig> data_of(const EvalJob& job, const SettingFlags& flags) {
  Config config;
  bool known = false;
  if (!job.checkpoint.empty() && fs::exists(job.checkpoint / "config.yaml")) {
    config.data = load_checkpoint_config(job.checkpoint).data;
    limit_memory(config.data);
    known = true;
  }
  for (const auto& [key, text] : flags) {
    if (!key.starts_with("data.")) continue;
    set_setting(config, key, text, "command line");
    known = true;
  }
  if (!known) return std::nullopt;
  config.data.flip = false;
  if (job.pipeline && config.data.image_size.empty()) {
    config.data.image_size = job.pipeline->model.sample_size;
    config.data.channels = job.pipeline->model.in_channels;
  }
  return config.data;
}

void settle_model(EvalJob& job, const EvalFlags& flags) {
  job.pipeline = load_model(job.checkpoint, flags.settings);
  const auto& model = job.pipeline->model;
  if (model.sample_size.empty())
    throw CheckpointError(job.checkpoint.string(),
                          ": the model's config has no sample_size, so there is no telling which "
                          "images to draw");
  if (model.in_channels != 1 && model.in_channels != 3)
    throw CheckpointError(job.checkpoint.string(), ": draws images of ", model.in_channels,
                          " channels, expected 1 or 3");
  check_image_size(model, model.sample_size[0], model.sample_size[1]);
  check_guidance(model, job.pipeline->sample);
  check_sample(job.pipeline->sample, job.pipeline->diffusion);
  warn_of_large_variance(*job.pipeline);
  job.weights_hash = weights_hash(job.pipeline->weights);
  const auto classes = parse_classes(flags.classes, model);
  if (flags.images.empty()) job.labels = cycle_labels(model, classes, job.count);
}

/// Every metric; bits per dimension are of a model that was asked for.
MetricSelection all_metrics(const EvalFlags& flags, const EvalJob& job) {
  return {.frechet = true,
          .kernel = true,
          .inception_score = true,
          .manifold = true,
          .frechet_infinity = true,
          .class_agreement = true,
          .per_class = true,
          .diversity = true,
          .neighbours = true,
          .bits_per_dim = flags.metrics.bits_per_dim || (flags.images.empty() && job.data)};
}

void check_bits(const EvalJob& job, const EvalFlags& flags) {
  if (!job.data)
    throw UserError(
        "--bpd: the checkpoint does not say what it was trained on; give --data.name "
        "and --data.root");
  const auto process = job.pipeline->diffusion.process;
  if (flags.bits.method == "bound" && process != ProcessType::kDiscrete)
    throw UserError("--bpd-method bound: the process ", to_name(process),
                    " has no chain of timesteps; expected ode");
}

}  // namespace

std::string model_identity(const EvalJob& job) {
  Config config;
  config.diffusion = job.pipeline->diffusion;
  config.sample = job.pipeline->sample;
  return job.weights_hash + to_yaml(config);
}

EvaluationOptions options_for(const EvalJob& job, const MetricSelection& metrics) {
  auto options = job.options;
  options.metrics = metrics;
  return options;
}

bool is_split(const std::string& word) {
  return word == "train" || word == "test";
}

EvalJob make_eval_job(const EvalFlags& flags) {
  check_flags(flags);
  EvalJob job;
  job.precision = parse_precision(flags.common.precision);
  job.count = flags.count.value_or(flags.images.empty() ? kDefaultImages : INT64_MAX);
  if (needs_checkpoint(flags)) {
    job.checkpoint = find_checkpoint(flags.checkpoint);
    job.run = run_of(job.checkpoint);
    if (flags.out.empty() && !job.run.empty()) refuse_link(job.run / "eval");
  }
  if (flags.images.empty() || flags.metrics.bits_per_dim) settle_model(job, flags);
  job.data = data_of(job, flags.settings);
  if (!job.data && wants_data(flags))
    throw UserError(job.checkpoint.empty() ? "eval" : job.checkpoint.string(),
                    ": no data to compare with is known; give --reference PATH, or --data.name "
                    "and --data.root");
  job.options = {.metrics = flags.all ? all_metrics(flags, job) : flags.metrics,
                 .nearest = flags.nearest,
                 .kid_subsets = flags.kid_subsets,
                 .kid_subset_size = flags.kid_subset_size,
                 .splits = 10,
                 .seed = flags.seed};
  if (job.options.metrics.bits_per_dim) check_bits(job, flags);
  job.device = select_device(flags.common.device, flags.common.cudnn_autotune);
  apply_precision(job.precision, job.device);
  return job;
}

}  // namespace ddpm
