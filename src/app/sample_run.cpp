#include "ddpm/app/sample_run.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <torch/types.h>

#include "ddpm/app/opened_model.h"
#include "ddpm/config/names.h"
#include "ddpm/runtime/device.h"
#include "ddpm/sample/editing.h"
#include "ddpm/sample/generator.h"
#include "ddpm/sample/images.h"
#include "ddpm/sample/noisy_classifier.h"
#include "ddpm/sample/output.h"
#include "ddpm/samplers/interpolation.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// Watches the drawing of images, batch by batch and network call by network call.
class DrawProgress {
 public:
  /// `calls` are those expected for each image.
  DrawProgress(int64_t images, int64_t calls)
      : images_(images),
        calls_(calls),
        progress_(static_cast<double>(images)) {}

  void begin_batch(int64_t size) {
    size_ = size;
    call_ = 0;
  }
  void end_batch() {
    done_ += size_;
    calls_ = call_;
  }

  /// To be called before each network call.
  void step() {
    throw_if_stopped();
    const double part = std::min(1.0, static_cast<double>(call_) / static_cast<double>(calls_));
    ++call_;
    progress_.at(static_cast<double>(done_) + static_cast<double>(size_) * part, [&] {
      return std::to_string(done_) + "/" + std::to_string(images_) + " images  step " +
             std::to_string(call_ - 1) + "/" + std::to_string(std::max(calls_, call_));
    });
  }

  StepObserver observer() {
    return [this](int64_t) { step(); };
  }
  int64_t done() const { return done_; }
  int64_t calls() const { return calls_; }

 private:
  int64_t images_;
  int64_t calls_;
  int64_t size_ = 0;
  int64_t done_ = 0;
  int64_t call_ = 0;
  WorkProgress progress_;
};

std::unique_ptr<Generator> generator_of(const SamplePlan& plan) {
  const auto graphs = make_graph_factory(plan.device, plan.cuda_graph);
  auto generator = std::make_unique<Generator>(
      make_model(plan.pipeline, plan.device, plan.precision), plan.pipeline.diffusion,
      plan.pipeline.sample, plan.device, graphs);
  if (plan.weaker)
    generator->guide_with(make_model(*plan.weaker, plan.device, plan.precision),
                          plan.weaker->diffusion);
  if (plan.classifier && plan.classifier_scale != 0) {
    const auto guide = std::make_shared<NoisyClassifier>(*plan.classifier, plan.device);
    generator->guide_by_classifier(
        [guide](const torch::Tensor& x, const NoiseLevel& level, const torch::Tensor& labels) {
          return guide->gradient(x, level, labels);
        },
        plan.classifier_scale);
  }
  return generator;
}

/// What PNG files say of an edit.
void describe_edit(const EditPlan& edit, ImageText& text) {
  if (edit.mode == EditMode::kNone || edit.mode == EditMode::kStrip) return;
  text.emplace_back(to_name(edit.mode), edit.source);
  if (!edit.mask.empty()) text.emplace_back("mask", edit.mask);
  if (edit.mode == EditMode::kInit) text.emplace_back("strength", format_number(edit.strength));
  if (edit.mode != EditMode::kInpaint) return;
  text.emplace_back("jump_length", std::to_string(edit.jumps.length));
  text.emplace_back("jump_samples", std::to_string(edit.jumps.samples));
}

constexpr int64_t kMostInvertedColumns = 16;

int64_t columns_of(const SamplePlan& plan) {
  const auto mode = plan.edit.mode;
  if (mode == EditMode::kInterpolate || mode == EditMode::kStrip) return plan.edit.pictures;
  if (mode == EditMode::kInvert) return std::min(plan.count, kMostInvertedColumns);
  return grid_columns(plan.count, plan.all_classes ? plan.classes().classes : 0);
}

OutputInfo output_info(const SamplePlan& plan) {
  const auto& options = plan.pipeline.sample;
  OutputInfo info;
  info.common = {{"Software", "ddpm"},
                 {"checkpoint", plan.checkpoint.string()},
                 {"sampler", std::string(to_name(options.sampler))},
                 {"steps", std::to_string(options.steps)},
                 {"guidance", format_number(options.guidance)}};
  if (plan.classifier) {
    info.common.emplace_back("classifier", plan.classifier->path.string());
    info.common.emplace_back("classifier_scale", format_number(plan.classifier_scale));
  }
  describe_edit(plan.edit, info.common);
  if (plan.edit.mode != EditMode::kInterpolate && plan.edit.mode != EditMode::kInvert)
    info.first_seed = plan.seed;
  if (plan.edit.mode == EditMode::kStrip) info.pictures = plan.edit.pictures;
  info.labels = plan.labels;
  info.class_names = plan.classes().class_names;
  info.columns = columns_of(plan);
  return info;
}

/// Where the images of a plan go: a file, a folder, or whoever takes them.
class Sink {
 public:
  explicit Sink(const SamplePlan& plan) : on_images_(plan.on_images) {
    if (!on_images_) writer_.emplace(plan.out, output_info(plan));
  }

  void add(const torch::Tensor& images) {
    if (on_images_) return on_images_(images);
    writer_->add(images);
  }
  void finish() {
    if (writer_) writer_->finish();
  }

 private:
  std::function<void(const torch::Tensor& images)> on_images_;
  std::optional<OutputWriter> writer_;
};

/// Images first ... first+size-1 of the plan.
GenerationRequest batch_request(const SamplePlan& plan, int64_t first, int64_t size) {
  auto request = request_of_part(plan.seed, plan.labels, first, size);
  if (plan.noise.defined()) request.initial_noise = plan.noise.narrow(0, first, size);
  return request;
}

/// Pictures first ... first+size-1, of those that an edit takes in turn; one is for all.
torch::Tensor in_turn(const torch::Tensor& pictures, int64_t first, int64_t size) {
  const auto places = torch::arange(first, first + size, torch::kInt64) % pictures.size(0);
  return pictures.index_select(0, places);
}

/// Draws one batch.
torch::Tensor draw_batch(Generator& generator, const SamplePlan& plan,
                         const GenerationRequest& request, int64_t first,
                         const StepObserver& on_step) {
  const auto& edit = plan.edit;
  const auto size = static_cast<int64_t>(request.seeds.size());
  if (edit.mode == EditMode::kStrip)
    return generate_strips(generator, request, edit.pictures, on_step);
  if (edit.mode != EditMode::kInpaint && edit.mode != EditMode::kInit)
    return generator.generate(request, on_step);
  KnownPart known{.image = in_turn(edit.images, first, size), .keep = {}};
  if (edit.keep.defined()) known.keep = in_turn(edit.keep, first, size);
  if (edit.mode == EditMode::kInpaint)
    return inpaint_images(generator, request, known, edit.jumps, on_step);
  SdEdit noising{.strength = edit.strength, .repeats = edit.repeats, .known = std::nullopt};
  if (edit.keep.defined()) noising.known = known;
  return edit_images(generator, request, noising, known.image, on_step);
}

/// `images`, checked.
torch::Tensor finite(torch::Tensor images) {
  check_finite_images(images);
  return images;
}

/// The noise at both ends of an interpolation for these labels, [2, C, H, W].
torch::Tensor end_noise(Generator& generator, const EditPlan& edit,
                        const std::vector<int64_t>& labels) {
  GenerationRequest request{.seeds = {0, 0}, .labels = labels, .initial_noise = {}};
  if (edit.seeds) {
    request.seeds = {edit.seeds->first, edit.seeds->second};
    return generator.noise_of(request, RandomPurpose::kInitialNoise)(0).to(torch::kCPU);
  }
  const StepObserver may_stop = [](int64_t) { throw_if_stopped(); };
  return invert_images(generator, request, edit.images, edit.inversion, may_stop);
}

/// The noise that each picture of an interpolation starts from, row by row.
torch::Tensor interpolated_noise(Generator& generator, const SamplePlan& plan) {
  const int64_t frames = plan.edit.pictures;
  std::vector<torch::Tensor> noise;
  for (int64_t first = 0; first < plan.count; first += frames) {
    std::vector<int64_t> labels;
    if (!plan.labels.empty()) labels.assign(2, plan.labels[static_cast<size_t>(first)]);
    const auto ends = end_noise(generator, plan.edit, labels);
    for (int64_t i = 0; i < frames; ++i)
      noise.push_back(
          slerp(ends[0], ends[1], static_cast<double>(i) / static_cast<double>(frames - 1)));
  }
  return torch::stack(noise);
}

/// Rows of originals, each with the row of their reconstructions below.
void write_pairs(Sink& sink, const torch::Tensor& images, const torch::Tensor& reconstructions,
                 int64_t columns) {
  const auto row = [&](const torch::Tensor& pictures, int64_t first) {
    const int64_t size = std::min(columns, pictures.size(0) - first);
    auto shape = pictures.sizes().vec();
    shape[0] = columns - size;
    return torch::cat({pictures.narrow(0, first, size), torch::ones(shape)});
  };
  for (int64_t first = 0; first < images.size(0); first += columns) {
    sink.add(row(images, first));
    sink.add(row(reconstructions, first));
  }
}

/// Inverts batch after batch and keeps what comes of it.
class InversionRun {
 public:
  void add(Generator& generator, const EditPlan& edit, GenerationRequest request,
           DrawProgress& progress) {
    const auto size = static_cast<int64_t>(request.seeds.size());
    const auto images = edit.images.narrow(0, progress.done(), size);
    request.initial_noise =
        invert_images(generator, request, images, edit.inversion, progress.observer());
    reconstructions_.push_back(generator.generate(request, progress.observer()));
    check_finite_images(reconstructions_.back());
    noise_.push_back(request.initial_noise);
  }

  /// Writes noise or pictures; gives the mean squared error.
  std::optional<double> finish(const SamplePlan& plan, Sink& sink) const {
    if (noise_.empty()) return std::nullopt;
    const auto reconstructions = torch::cat(reconstructions_);
    const auto images = plan.edit.images.narrow(0, 0, reconstructions.size(0));
    if (plan.on_images || output_kind(plan.out) == OutputKind::kNpy)
      sink.add(torch::cat(noise_));
    else
      write_pairs(sink, images, reconstructions, std::min(plan.count, kMostInvertedColumns));
    return (images - reconstructions).to(torch::kFloat64).square().mean().item<double>();
  }

 private:
  std::vector<torch::Tensor> noise_;
  std::vector<torch::Tensor> reconstructions_;
};

}  // namespace

double psnr(double mse) {
  constexpr double kPeak = 2.0;
  return 10.0 * std::log10(kPeak * kPeak / mse);
}

SampleResult run_sampling(SamplePlan& plan) {
  const StopScope stop(plan.stop);
  const DeviceScope device(plan.device, plan.precision, plan.cudnn_autotune);
  if (plan.precision == Precision::kAuto)
    plan.precision =
        probe_sampling_precision(plan.pipeline, plan.device, std::min(plan.batch_size, plan.count));
  const auto generator = generator_of(plan);
  Sink sink(plan);
  const auto plain_calls = network_calls(generator->process(), plan.pipeline.sample);
  DrawProgress progress(plan.count, expected_calls(plan.edit, plan.pipeline.sample, plain_calls));
  InversionRun inversion;
  try {
    if (plan.edit.mode == EditMode::kInterpolate) plan.noise = interpolated_noise(*generator, plan);
    while (progress.done() < plan.count) {
      const int64_t first = progress.done();
      const int64_t size = std::min(plan.batch_size, plan.count - first);
      const auto request = batch_request(plan, first, size);
      progress.begin_batch(size);
      if (plan.edit.mode == EditMode::kInvert)
        inversion.add(*generator, plan.edit, request, progress);
      else
        sink.add(finite(draw_batch(*generator, plan, request, first, progress.observer())));
      progress.end_batch();
    }
  } catch (const StopRequested&) {
    log_info("stopped with " + std::to_string(progress.done()) + " of " +
             std::to_string(plan.count) + " images done");
  }
  const auto mse = inversion.finish(plan, sink);
  sink.finish();
  return {.done = progress.done(), .network_calls = progress.calls(), .out = plan.out, .mse = mse};
}

SampleResult sample(const SampleRequest& request) {
  auto plan = plan_sampling(request);
  return run_sampling(plan);
}

}  // namespace ddpm
