#include "ddpm/app/sample_plan.h"

#include <algorithm>
#include <cstring>

#include "ddpm/app/opened_model.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/data/npy.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/model/signature.h"
#include "ddpm/runtime/device.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// The weaker model of `--guide-with`, whose noise levels and images must be those of `strong`.
ModelFolder load_weaker(const std::string& path, const ModelFolder& strong) {
  auto weaker = open_model_folder(resolve_checkpoint(clean_path(path)));
  if (weaker.diffusion.process != strong.diffusion.process)
    throw UserError("`guide_with` ", path, ": the process is ", to_name(weaker.diffusion.process),
                    ", expected ", to_name(strong.diffusion.process), " as of the model it guides");
  if (!make_process(weaker.diffusion)->same_levels(*make_process(strong.diffusion)))
    throw UserError("`guide_with` ", path,
                    ": expected the timesteps and noise schedule of the model it guides");
  const auto& found = weaker.network.signature;
  const auto& wanted = strong.network.signature;
  if (found.data_channels != wanted.data_channels || found.classes != wanted.classes ||
      found.null_label != wanted.null_label)
    throw UserError("`guide_with` ", path,
                    ": expected a model of the same image channels and classes");
  return weaker;
}

/// Noise to start from, float32 [N, C, H, W].
torch::Tensor load_noise(const std::string& path, const Signature& model) {
  const auto array = parse_npy(read_file(path), path);
  if (array.dtype != "f4" || array.shape.size() != 4 || array.shape[0] < 1 ||
      array.shape[1] != model.data_channels) {
    throw DataError(path, ": expected float32 noise of shape [N, ", model.data_channels,
                    ", height, width]");
  }
  auto noise = torch::empty(array.shape);
  std::memcpy(noise.data_ptr(), array.bytes.data(), array.bytes.size());
  if (!noise.isfinite().all().item<bool>())
    throw DataError(path, ": holds NaN or infinity, expected finite noise");
  return noise;
}

/// The classifier of `--classifier`, whose images and classes must be those of the model.
ModelFolder load_guide(const std::string& path, const Signature& model) {
  auto guide = open_model_folder(resolve_checkpoint(clean_path(path)), NetworkUse::kClassify);
  const auto& known = guide.network.signature;
  if (known.data_channels != model.data_channels)
    throw UserError("`classifier` ", path, ": takes images of ", known.data_channels,
                    " channels, expected ", model.data_channels, " as of the model it guides");
  if (model.classes > 0 && model.classes != known.classes)
    throw UserError("`classifier` ", path, ": knows ", known.classes, " classes, expected ",
                    model.classes, " as of the model it guides");
  return guide;
}

/// A PNG has up to four channels; arrays have any number.
void check_channels(const SamplePlan& plan) {
  const auto kind = output_kind(plan.out);
  const bool pictures = kind == OutputKind::kGrid || kind == OutputKind::kFolder;
  const int64_t channels = plan.pipeline.network.signature.data_channels;
  if (!pictures || channels <= 4) return;
  throw UserError(plan.checkpoint.string(), ": draws ", channels,
                  " channels, which no picture has; expected `out` NAME.npy or NAME.npz");
}

std::string size_text(const std::vector<int64_t>& size) {
  return std::to_string(size[0]) + "x" + std::to_string(size[1]);
}

/// Size of the images: that of the noise or the images given, or asked for, else the model's own.
void resolve_size(NetworkConfig& network, const torch::Tensor& given,
                  const std::vector<int64_t>& wanted) {
  auto& size = network.signature.sample_size;
  if (given.defined() && !wanted.empty())
    throw UserError("`size` ", size_text(wanted), ": the noise or the images given say the size");
  if (!wanted.empty() && !size.empty() && wanted != size)
    log_warning("`size` " + size_text(wanted) + ": the model was trained on " + size_text(size) +
                "; what it draws in other sizes is mostly worse, or repeats itself");
  if (!wanted.empty()) size = wanted;
  if (given.defined()) size = {given.size(2), given.size(3)};
  if (size.empty()) {
    throw CheckpointError("the model's config has no sample_size; give the `size` to draw");
  }
  check_image_size(network.model, size[0], size[1]);
}

/// runs/NAME/samples/step-000500-ddim50-g3-seed0.png, with a number behind if that is taken.
fs::path default_output(const SamplePlan& plan) {
  const auto& options = plan.pipeline.sample;
  const auto folder = plan.run.empty() ? fs::path() : plan.run / "samples";
  refuse_link(folder);
  std::string name = plan.checkpoint.filename().string() + "-" +
                     std::string(to_name(options.sampler)) + std::to_string(options.steps);
  if (plan.edit.mode != EditMode::kNone) name += "-" + to_name(plan.edit.mode);
  if (options.guidance != 1.0) name += "-g" + format_number(options.guidance);
  if (plan.classifier) name += "-c" + format_number(plan.classifier_scale);
  name += "-seed" + std::to_string(plan.seed);
  return unused_path(folder / (name + ".png")).lexically_proximate(fs::current_path());
}

/// Labels of the images: classes in turn, of an interpolation row by row.
std::vector<int64_t> resolve_labels(const SamplePlan& plan, const std::vector<int64_t>& classes) {
  if (plan.edit.mode != EditMode::kInterpolate)
    return cycle_labels(plan.classes(), classes, plan.count);
  const int64_t frames = plan.edit.pictures;
  std::vector<int64_t> labels;
  for (const int64_t label : cycle_labels(plan.classes(), classes, plan.count / frames))
    labels.insert(labels.end(), static_cast<size_t>(frames), label);
  return labels;
}

/// Given images are of some class, which only a person knows.
void advise_on_classes(const SamplePlan& plan) {
  if (!plan.edit.images.defined() || !plan.all_classes || plan.labels.empty()) return;
  log_info(field_name(to_name(plan.edit.mode)) +
           ": the model is told its classes in turn; `class` says what the images are");
}

/// How many images, of which the given noise must be enough.
int64_t resolve_count(const SamplePlan& plan, const SampleRequest& request, size_t classes) {
  constexpr int64_t kUsualCount = 64;
  const auto& model = plan.classes();
  const auto wanted = classes > 0 ? static_cast<int64_t>(classes) : model.classes;
  if (plan.edit.mode == EditMode::kInterpolate) return plan.edit.usual_count(wanted);
  if (!plan.noise.defined())
    return request.count.value_or(
        plan.edit.mode == EditMode::kNone ? kUsualCount : plan.edit.usual_count(wanted));
  const int64_t count = request.count.value_or(plan.noise.size(0));
  if (plan.noise.size(0) < count)
    throw UserError("`count` ", count, ": ", request.noise, " holds noise for only ",
                    plan.noise.size(0), " images");
  return count;
}

/// The model with the sampling settings of the request, its weaker model and its classifier.
void resolve_models(SamplePlan& plan, const SampleRequest& request) {
  auto model = open_model(plan.checkpoint);
  plan.run = model.run;
  model.pipeline.sample = resolve_sampling(model, request.settings);
  plan.pipeline = std::move(model.pipeline);
  const auto& signature = plan.pipeline.network.signature;
  if (request.negative_class) {
    if (signature.classes == 0) throw UserError("`negative_class`: the model has no classes");
    plan.pipeline.sample.negative_class = parse_class(*request.negative_class, signature);
  }
  if (!request.guide_with.empty()) {
    plan.weaker = load_weaker(request.guide_with, plan.pipeline);
  } else {
    check_guidance(signature, plan.pipeline.sample);
  }
  if (!request.classifier.empty()) plan.classifier = load_guide(request.classifier, signature);
}

}  // namespace

SamplePlan plan_sampling(const SampleRequest& request) {
  SamplePlan plan;
  plan.classifier_scale = request.classifier_scale;
  plan.all_classes = !request.classes.has_value();
  plan.batch_size = request.batch_size;
  plan.seed = request.seed;
  plan.cuda_graph = request.runtime.cuda_graph;
  plan.cudnn_autotune = request.runtime.cudnn_autotune;
  plan.stop = request.runtime.stop;
  plan.precision = request.runtime.precision.value_or(Precision::kFloat32);
  if (!request.out.empty()) check_output_free(request.out);
  plan.checkpoint = find_checkpoint(request.checkpoint);
  resolve_models(plan, request);
  const auto& signature = plan.pipeline.network.signature;
  if (!request.noise.empty()) plan.noise = load_noise(request.noise, signature);
  plan.edit = plan_edit(request.edit, signature, request.count);
  resolve_size(plan.pipeline.network, plan.noise.defined() ? plan.noise : plan.edit.images,
               request.size);
  const auto classes = parse_classes(request.classes, plan.classes());
  plan.count = resolve_count(plan, request, classes.size());
  plan.labels = resolve_labels(plan, classes);
  advise_on_classes(plan);
  resolve_edit_sampler(plan.edit, plan.pipeline.sample, request.settings.has("sample.eta"));
  check_sample(plan.pipeline.sample, plan.pipeline.diffusion);
  plan.on_images = request.on_images;
  if (!plan.on_images) {
    plan.out = request.out.empty() ? default_output(plan) : fs::path(request.out);
    check_channels(plan);
  }
  plan.device = select_device(request.runtime.device);
  check_precision(plan.precision, plan.device);
  warn_of_large_variance(plan.pipeline.sample, plan.pipeline.diffusion);
  if (!plan.noise.defined() && !plan.edit.images.defined())
    warn_of_unseen_start(plan.pipeline.diffusion);
  return plan;
}

}  // namespace ddpm
