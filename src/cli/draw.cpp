#include "ddpm/cli/draw.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include <torch/types.h>

#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
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

using Clock = std::chrono::steady_clock;

/// Watches the drawing of images, batch by batch and network call by network call.
class DrawProgress {
 public:
  /// `calls` are those expected for each image.
  DrawProgress(int64_t images, int64_t calls) : images_(images), calls_(calls) {}

  void begin_batch(int64_t size) {
    size_ = size;
    call_ = 0;
  }
  void end_batch() {
    done_ += size_;
    calls_ = call_;
  }

  /// Before each network call.
  void step() {
    throw_if_stopped();
    const double part = std::min(1.0, static_cast<double>(call_) / static_cast<double>(calls_));
    const double drawn = static_cast<double>(done_) + static_cast<double>(size_) * part;
    ++call_;
    if (drawn <= 0 || !line_.due()) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    const double left = seconds * (static_cast<double>(images_) - drawn) / drawn;
    line_.show(std::to_string(done_) + "/" + std::to_string(images_) + " images  step " +
               std::to_string(call_ - 1) + "/" + std::to_string(std::max(calls_, call_)) + "  " +
               format_duration(left) + " left");
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
  Clock::time_point start_ = Clock::now();
  ProgressLine line_;
};

std::unique_ptr<Generator> generator_of(const SampleJob& job, const SampleFlags& flags) {
  const auto graphs = make_graph_factory(job.device, flags.common.no_cuda_graph);
  auto generator =
      std::make_unique<Generator>(make_unet(job.pipeline, job.device, job.precision),
                                  job.pipeline.diffusion, job.pipeline.sample, job.device, graphs);
  if (job.weaker)
    generator->guide_with(make_unet(*job.weaker, job.device, job.precision), job.weaker->diffusion);
  if (job.classifier && flags.classifier_scale != 0) {
    const auto guide = std::make_shared<NoisyClassifier>(
        load_classifier(*job.classifier, job.device), job.classifier->diffusion, job.device);
    generator->guide_by_classifier(
        [guide](const torch::Tensor& x, const NoiseLevel& level, const torch::Tensor& labels) {
          return guide->gradient(x, level, labels);
        },
        flags.classifier_scale);
  }
  return generator;
}

/// What PNG files say of an edit.
void describe_edit(const EditJob& edit, const EditFlags& flags, ImageText& text) {
  if (edit.mode == EditMode::kNone || edit.mode == EditMode::kStrip) return;
  text.emplace_back(flag_of(edit.mode).substr(2), edit.source);
  if (!flags.mask.empty()) text.emplace_back("mask", flags.mask);
  if (edit.mode == EditMode::kInit) text.emplace_back("strength", format_number(edit.strength));
  if (edit.mode != EditMode::kInpaint) return;
  text.emplace_back("jump_length", std::to_string(edit.jumps.length));
  text.emplace_back("jump_samples", std::to_string(edit.jumps.samples));
}

constexpr int64_t kMostInvertedColumns = 16;

int64_t columns_of(const SampleJob& job, const SampleFlags& flags) {
  const auto mode = job.edit.mode;
  if (mode == EditMode::kInterpolate || mode == EditMode::kStrip) return job.edit.pictures;
  if (mode == EditMode::kInvert) return std::min(job.count, kMostInvertedColumns);
  return grid_columns(job.count, !flags.classes ? num_classes(job.classes()) : 0);
}

OutputInfo output_info(const SampleJob& job, const SampleFlags& flags) {
  const auto& options = job.pipeline.sample;
  OutputInfo info;
  info.common = {{"Software", "ddpm"},
                 {"checkpoint", job.checkpoint.string()},
                 {"sampler", std::string(to_name(options.sampler))},
                 {"steps", std::to_string(options.steps)},
                 {"guidance", format_number(options.guidance)}};
  if (job.classifier) {
    info.common.emplace_back("classifier", job.classifier->path.string());
    info.common.emplace_back("classifier_scale", format_number(flags.classifier_scale));
  }
  describe_edit(job.edit, flags.edit, info.common);
  if (job.edit.mode != EditMode::kInterpolate && job.edit.mode != EditMode::kInvert)
    info.first_seed = flags.seed;
  if (job.edit.mode == EditMode::kStrip) info.pictures = job.edit.pictures;
  info.labels = job.labels;
  info.class_names = job.classes().class_names;
  info.columns = columns_of(job, flags);
  return info;
}

/// Images first ... first+size-1 of the job.
GenerationRequest batch_request(const SampleJob& job, uint64_t seed, int64_t first, int64_t size) {
  auto request = request_of_part(seed, job.labels, first, size);
  if (job.noise.defined()) request.initial_noise = job.noise.narrow(0, first, size);
  return request;
}

/// Pictures first ... first+size-1, of those that an edit takes in turn; one is for all.
torch::Tensor in_turn(const torch::Tensor& pictures, int64_t first, int64_t size) {
  const auto places = torch::arange(first, first + size, torch::kInt64) % pictures.size(0);
  return pictures.index_select(0, places);
}

/// Draws one batch.
torch::Tensor draw_batch(Generator& generator, const SampleJob& job,
                         const GenerationRequest& request, int64_t first,
                         const StepObserver& on_step) {
  const auto& edit = job.edit;
  const auto size = static_cast<int64_t>(request.seeds.size());
  if (edit.mode == EditMode::kStrip)
    return generate_strips(generator, request, edit.pictures, on_step);
  if (edit.mode != EditMode::kInpaint && edit.mode != EditMode::kInit)
    return generator.generate(request, on_step);
  KnownPart known{.image = in_turn(edit.images, first, size), .keep = {}};
  if (edit.keep.defined()) known.keep = in_turn(edit.keep, first, size);
  if (edit.mode == EditMode::kInpaint)
    return inpaint_images(generator, request, known, edit.jumps, on_step);
  SdEdit plan{.strength = edit.strength, .repeats = edit.repeats, .known = std::nullopt};
  if (edit.keep.defined()) plan.known = known;
  return edit_images(generator, request, plan, known.image, on_step);
}

/// The noise at both ends of an interpolation for these labels, [2, C, H, W].
torch::Tensor end_noise(Generator& generator, const EditJob& edit,
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
torch::Tensor interpolated_noise(Generator& generator, const SampleJob& job) {
  const int64_t frames = job.edit.pictures;
  std::vector<torch::Tensor> noise;
  for (int64_t first = 0; first < job.count; first += frames) {
    std::vector<int64_t> labels;
    if (!job.labels.empty()) labels.assign(2, job.labels[static_cast<size_t>(first)]);
    const auto ends = end_noise(generator, job.edit, labels);
    for (int64_t i = 0; i < frames; ++i)
      noise.push_back(
          slerp(ends[0], ends[1], static_cast<double>(i) / static_cast<double>(frames - 1)));
  }
  return torch::stack(noise);
}

/// Rows of originals, each with the row of their reconstructions below.
void write_pairs(OutputWriter& writer, const torch::Tensor& images,
                 const torch::Tensor& reconstructions, int64_t columns) {
  const auto row = [&](const torch::Tensor& pictures, int64_t first) {
    const int64_t size = std::min(columns, pictures.size(0) - first);
    auto shape = pictures.sizes().vec();
    shape[0] = columns - size;
    return torch::cat({pictures.narrow(0, first, size), torch::ones(shape)});
  };
  for (int64_t first = 0; first < images.size(0); first += columns) {
    writer.add(row(images, first));
    writer.add(row(reconstructions, first));
  }
}

/// Inverts batch after batch and keeps what comes of it.
class InversionRun {
 public:
  void add(Generator& generator, const EditJob& edit, GenerationRequest request,
           DrawProgress& progress) {
    const auto size = static_cast<int64_t>(request.seeds.size());
    const auto images = edit.images.narrow(0, progress.done(), size);
    request.initial_noise =
        invert_images(generator, request, images, edit.inversion, progress.observer());
    reconstructions_.push_back(generator.generate(request, progress.observer()));
    noise_.push_back(request.initial_noise);
  }

  /// Writes noise or pictures; gives the mean squared error.
  std::optional<double> finish(const SampleJob& job, OutputWriter& writer) const {
    if (noise_.empty()) return std::nullopt;
    const auto reconstructions = torch::cat(reconstructions_);
    const auto images = job.edit.images.narrow(0, 0, reconstructions.size(0));
    if (output_kind(job.out) == OutputKind::kNpy)
      writer.add(torch::cat(noise_));
    else
      write_pairs(writer, images, reconstructions, std::min(job.count, kMostInvertedColumns));
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

DrawResult draw(SampleJob job, const SampleFlags& flags) {
  const auto generator = generator_of(job, flags);
  OutputWriter writer(job.out, output_info(job, flags));
  const auto plain_calls = network_calls(generator->process(), job.pipeline.sample);
  DrawProgress progress(job.count, expected_calls(job.edit, job.pipeline.sample, plain_calls));
  InversionRun inversion;
  try {
    if (job.edit.mode == EditMode::kInterpolate) job.noise = interpolated_noise(*generator, job);
    while (progress.done() < job.count) {
      const int64_t first = progress.done();
      const int64_t size = std::min(flags.batch_size, job.count - first);
      const auto request = batch_request(job, flags.seed, first, size);
      progress.begin_batch(size);
      if (job.edit.mode == EditMode::kInvert)
        inversion.add(*generator, job.edit, request, progress);
      else
        writer.add(draw_batch(*generator, job, request, first, progress.observer()));
      progress.end_batch();
    }
  } catch (const StopRequested&) {
    log_info("stopped with " + std::to_string(progress.done()) + " of " +
             std::to_string(job.count) + " images done");
  }
  const auto mse = inversion.finish(job, writer);
  writer.finish();
  return {.done = progress.done(), .network_calls = progress.calls(), .mse = mse};
}

}  // namespace ddpm
