#include "ddpm/cli/sample_job.h"

#include <algorithm>
#include <cstring>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
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

/// A PNG has up to four channels; arrays have any number.
void check_channels(const SampleJob& job) {
  const auto kind = output_kind(job.out);
  const bool pictures = kind == OutputKind::kGrid || kind == OutputKind::kFolder;
  if (!pictures || job.pipeline.model.in_channels <= 4) return;
  throw UserError(job.checkpoint.string(), ": draws ", job.pipeline.model.in_channels,
                  " channels, which no picture has; expected --out NAME.npy or NAME.npz");
}

/// Size of the images: that of the noise or the images given, else the model's own.
void settle_size(ModelConfig& model, const torch::Tensor& given) {
  if (given.defined()) model.sample_size = {given.size(2), given.size(3)};
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
  refuse_link(folder);
  std::string name = job.checkpoint.filename().string() + "-" +
                     std::string(to_name(options.sampler)) + std::to_string(options.steps);
  if (job.edit.mode != EditMode::kNone) name += "-" + flag_of(job.edit.mode).substr(2);
  if (options.guidance != 1.0) name += "-g" + format_number(options.guidance);
  if (job.classifier) name += "-c" + format_number(flags.classifier_scale);
  name += "-seed" + std::to_string(flags.seed);
  return unused_path(folder / (name + ".png")).lexically_proximate(fs::current_path());
}

/// What can be said of flags alone.
void check_flags(const SampleFlags& flags) {
  bool holds_noise = flags.out.empty();
  if (!flags.out.empty()) {
    const auto kind = output_kind(flags.out);
    holds_noise = kind == OutputKind::kNpy || kind == OutputKind::kGrid;
  }
  check_edit_flags(
      flags.edit,
      {.noise = !flags.noise.empty(), .count = flags.count, .out_holds_noise = holds_noise});
  if (!flags.out.empty()) check_output_free(flags.out);
}

/// Labels of the images: classes in turn, of an interpolation row by row.
std::vector<int64_t> settle_labels(const SampleJob& job, const std::vector<int64_t>& classes) {
  if (job.edit.mode != EditMode::kInterpolate)
    return cycle_labels(job.classes(), classes, job.count);
  const int64_t frames = job.edit.pictures;
  std::vector<int64_t> labels;
  for (const int64_t label : cycle_labels(job.classes(), classes, job.count / frames))
    labels.insert(labels.end(), static_cast<size_t>(frames), label);
  return labels;
}

/// Given images are of some class, which only a person knows.
void advise_on_classes(const SampleJob& job, const SampleFlags& flags) {
  if (!job.edit.images.defined() || flags.classes || job.labels.empty()) return;
  log_info(flag_of(job.edit.mode) +
           ": the model is told its classes in turn; --class says what the images are");
}

/// How many images, of which the given noise must be enough.
int64_t settle_count(const SampleJob& job, const SampleFlags& flags, size_t classes) {
  constexpr int64_t kUsualCount = 64;
  const auto& model = job.classes();
  const auto wanted = classes > 0 ? static_cast<int64_t>(classes) : num_classes(model);
  if (job.edit.mode == EditMode::kInterpolate) return job.edit.usual_count(wanted);
  if (!job.noise.defined())
    return flags.count.value_or(job.edit.mode == EditMode::kNone ? kUsualCount
                                                                 : job.edit.usual_count(wanted));
  const int64_t count = flags.count.value_or(job.noise.size(0));
  if (job.noise.size(0) < count)
    throw UserError("-n ", count, ": ", flags.noise, " holds noise for only ", job.noise.size(0),
                    " images");
  return count;
}

}  // namespace

SampleJob make_sample_job(const SampleFlags& flags) {
  SampleJob job;
  job.precision = parse_precision(flags.common.precision);
  check_flags(flags);
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
  job.edit = make_edit_job(flags.edit, model, flags.count);
  settle_size(model, job.noise.defined() ? job.noise : job.edit.images);
  const auto classes = parse_classes(flags.classes, job.classes());
  job.count = settle_count(job, flags, classes.size());
  job.labels = settle_labels(job, classes);
  advise_on_classes(job, flags);
  settle_edit_sampler(job.edit, job.pipeline.sample, flags.settings.contains("sample.eta"));
  check_sample(job.pipeline.sample, job.pipeline.diffusion);
  job.out = flags.out.empty() ? default_output(job, flags) : fs::path(flags.out);
  check_channels(job);
  job.device = select_device(flags.common.device, flags.common.cudnn_autotune);
  apply_precision(job.precision, job.device);
  warn_of_large_variance(job.pipeline);
  return job;
}

}  // namespace ddpm
