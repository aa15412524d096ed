#include "ddpm/cli/sample_command.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <numeric>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/cli/sample_job.h"
#include "ddpm/config/names.h"
#include "ddpm/sample/generator.h"
#include "ddpm/sample/images.h"
#include "ddpm/sample/noisy_classifier.h"
#include "ddpm/sample/output.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

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
  info.first_seed = flags.seed;
  info.labels = job.labels;
  info.class_names = job.classes().class_names;
  info.columns = grid_columns(job.count, !flags.classes ? num_classes(job.classes()) : 0);
  return info;
}

/// Images first ... first+size-1 of the job.
GenerationRequest batch_request(const SampleJob& job, uint64_t seed, int64_t first, int64_t size) {
  GenerationRequest request;
  request.seeds.resize(static_cast<size_t>(size));
  std::iota(request.seeds.begin(), request.seeds.end(), seed + static_cast<uint64_t>(first));
  if (!job.labels.empty()) {
    request.labels.assign(job.labels.begin() + first, job.labels.begin() + first + size);
  }
  if (job.noise.defined()) request.initial_noise = job.noise.narrow(0, first, size);
  return request;
}

/// Thrown between two steps of a batch when someone asked for a stop.
struct StoppedWithinBatch {};

/// Watches the drawing of images, batch by batch and step by step.
class DrawProgress {
 public:
  DrawProgress(int64_t images, int64_t steps)
      : images_(static_cast<double>(images)),
        steps_(static_cast<double>(steps)) {}

  /// Before step `step` of a batch of `size` images that follows `done` finished ones.
  void at(int64_t done, int64_t size, int64_t step) {
    if (stop_requested()) throw StoppedWithinBatch();
    const double part = static_cast<double>(size) * static_cast<double>(step) / steps_;
    const double drawn = static_cast<double>(done) + part;
    if (drawn <= 0 || !line_.due()) return;
    const double left = seconds() * (images_ - drawn) / drawn;
    line_.show(std::to_string(done) + "/" + format_number(images_) + " images  step " +
               std::to_string(step) + "/" + format_number(steps_) + "  " + format_duration(left) +
               " left");
  }

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  double images_;
  double steps_;
  Clock::time_point start_ = Clock::now();
  ProgressLine line_;
};

std::unique_ptr<Generator> generator_of(const SampleJob& job, const SampleFlags& flags) {
  const auto graphs = flags.common.no_cuda_graph ? GraphFactory() : make_graph_factory(job.device);
  auto generator =
      std::make_unique<Generator>(make_unet(job.pipeline, job.device, job.precision),
                                  job.pipeline.diffusion, job.pipeline.sample, job.device, graphs);
  if (job.weaker) {
    generator->guide_with(make_unet(*job.weaker, job.device, job.precision), job.weaker->diffusion);
  }
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

/// Draws all images; gives how many were done when it ended or was stopped.
int64_t draw(const SampleJob& job, const SampleFlags& flags, OutputWriter& writer) {
  const auto generator = generator_of(job, flags);
  DrawProgress progress(job.count, job.pipeline.sample.steps);
  int64_t done = 0;
  try {
    while (done < job.count) {
      const int64_t size = std::min(flags.batch_size, job.count - done);
      const auto request = batch_request(job, flags.seed, done, size);
      writer.add(
          generator->generate(request, [&](int64_t step) { progress.at(done, size, step); }));
      done += size;
    }
  } catch (const StoppedWithinBatch&) {
    log_info("stopped with " + std::to_string(done) + " of " + std::to_string(job.count) +
             " images done");
  }
  writer.finish();
  return done;
}

void report(const SampleJob& job, const SampleFlags& flags, int64_t done, double seconds) {
  const int64_t calls = network_calls(Process(job.pipeline.diffusion), job.pipeline.sample);
  log_info(std::to_string(done) + " images in " + format_duration(seconds) + ", " +
           std::to_string(calls) + " network calls each");
  if (!flags.common.json) {
    if (done > 0) std::cout << job.out.string() << "\n";
    return;
  }
  const auto& options = job.pipeline.sample;
  json result = {{"out", job.out.string()},
                 {"images", done},
                 {"checkpoint", job.checkpoint.string()},
                 {"sampler", to_name(options.sampler)},
                 {"steps", options.steps},
                 {"network_calls", calls},
                 {"guidance", options.guidance},
                 {"seed", flags.seed},
                 {"labels", job.labels},
                 {"device", job.device.str()},
                 {"precision", to_name(job.precision)},
                 {"seconds", seconds}};
  if (job.classifier) {
    result["classifier"] = job.classifier->path.string();
    result["classifier_scale"] = flags.classifier_scale;
  }
  std::cout << result.dump(2) << "\n";
}

ExitCode run_sample(const CLI::App& command, const SampleFlags& flags) {
  refuse_unknown_words(command);
  apply_common_flags(flags.common);
  SampleJob job = make_sample_job(flags);
  if (job.precision == Precision::kAuto) {
    job.precision =
        probe_sampling_precision(job.pipeline, job.device, std::min(flags.batch_size, job.count));
  }
  catch_stop_signals();
  const auto start = Clock::now();
  OutputWriter writer(job.out, output_info(job, flags));
  const int64_t done = draw(job, flags, writer);
  report(job, flags, done, std::chrono::duration<double>(Clock::now() - start).count());
  return done < job.count ? ExitCode::kStopped : ExitCode::kDone;
}

}  // namespace

void add_sample_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<SampleFlags>();
  auto* const command = app.add_subcommand("sample", "Draw images from a trained model.");
  command
      ->add_option("--checkpoint", flags->checkpoint,
                   "A run, a checkpoint or a diffusers folder (default: the newest run).")
      ->type_name("PATH");
  command->add_option("-n,--num-images", flags->count, "How many images (default 64).")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->type_name("N");
  command
      ->add_option("--class", flags->classes,
                   "Class names or numbers, repeated in turn (default: all classes).")
      ->type_name("A,B,...");
  command->add_option("--seed", flags->seed, "Image i has seed SEED+i.")
      ->check(CLI::Range(int64_t{0}, INT64_MAX))
      ->capture_default_str()
      ->type_name("SEED");
  command
      ->add_option("--batch-size", flags->batch_size,
                   "Images at a time; changes them by rounding at most.")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--out", flags->out, "NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
  command
      ->add_option("--noise", flags->noise,
                   "Start from this noise, float32 [N, C, H, W] in a .npy file.")
      ->type_name("FILE");
  add_setting_aliases(*command, flags->settings, "sample", {"steps", "sampler", "guidance"});
  command
      ->add_option("--negative-class", flags->negative_class,
                   "Class name or number to guide away from (default: 'no class').")
      ->type_name("CLASS");
  command
      ->add_option("--guide-with", flags->guide_with,
                   "Guide away from this weaker model (autoguidance) instead of a class.")
      ->type_name("PATH");
  add_setting_aliases(*command, flags->settings, "sample",
                      {"guidance_rescale", "guidance_interval", "guidance_schedule",
                       "guidance_clamp", "order", "eta", "s_churn"});
  command
      ->add_option("--classifier", flags->classifier,
                   "Guide by the gradient of this classifier (a run with train.task classifier).")
      ->type_name("PATH");
  command
      ->add_option("--classifier-scale", flags->classifier_scale,
                   "Scale of the classifier's gradient.")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->type_name("SCALE");
  add_setting_aliases(*command, flags->settings, "sample",
                      {"timestep_spacing", "variance_type", "clip_sample"});
  add_common_flags(*command, flags->common);
  add_setting_flags(*command, flags->settings, {"sample"});
  command->allow_extras();
  command->callback([command, flags, &exit_code] { exit_code = run_sample(*command, *flags); });
}

}  // namespace ddpm
