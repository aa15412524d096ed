#include "ddpm/cli/sample_command.h"

#include <torch/types.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <numeric>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/diffusers.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/device.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/data/npy.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/precision.h"
#include "ddpm/sample/generator.h"
#include "ddpm/sample/images.h"
#include "ddpm/sample/output.h"
#include "ddpm/samplers/timesteps.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct SampleFlags {
  CommonFlags common;
  SettingFlags settings;
  std::string checkpoint;
  std::string classes;
  std::string out;
  std::string noise;
  std::optional<int64_t> count;
  int64_t batch_size = 64;
  uint64_t seed = 0;
};

/// Everything settled before the first network call.
struct Job {
  fs::path checkpoint;
  fs::path run;  // empty for a folder that is no run
  PipelineFolder pipeline;
  std::vector<int64_t> labels;
  torch::Tensor noise;  // all initial noise, undefined if drawn from seeds
  int64_t count = 0;
  fs::path out;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFloat32;
};

/// The run folder that a checkpoint lies in, if it does.
fs::path run_of(const fs::path& checkpoint) {
  const auto parent = fs::absolute(checkpoint).lexically_normal().parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : fs::path();
}

/// The model, with sampling settings of its own run if it is one of ours, then those of flags.
PipelineFolder load_model(const fs::path& checkpoint, const SettingFlags& flags) {
  PipelineFolder pipeline = load_pipeline_folder(checkpoint);
  Config config;
  config.sample = pipeline.sample;
  if (fs::exists(checkpoint / "config.yaml")) {
    config.sample = load_checkpoint_config(checkpoint).sample;
  }
  for (const auto& [key, text] : flags)
    set_setting(config, key, text, "command line");
  pipeline.sample = config.sample;
  if (pipeline.model.in_channels != pipeline.model.out_channels) {
    throw CheckpointError(checkpoint.string(), ": the model takes ", pipeline.model.in_channels,
                          " channels and gives ", pipeline.model.out_channels,
                          "; sampling needs as many out as in");
  }
  return pipeline;
}

int64_t parse_class(const std::string& word, const ModelConfig& model) {
  const auto& names = model.class_names;
  const auto named = std::ranges::find(names, word);
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

std::vector<int64_t> parse_classes(const std::string& text, const ModelConfig& model) {
  if (text.empty()) return {};
  if (!model.num_class_embeds) throw UserError("--class ", text, ": the model has no classes");
  std::vector<int64_t> classes;
  for (const auto& word : split(text, ','))
    classes.push_back(parse_class(std::string(trim(word)), model));
  return classes;
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

/// Size of the images: the noise's, else the model's own.
void settle_size(ModelConfig& model, const torch::Tensor& noise) {
  if (noise.defined()) model.sample_size = {noise.size(2), noise.size(3)};
  if (model.sample_size.empty()) {
    throw CheckpointError("the model's config has no sample_size; give --noise FILE.npy of the size "
                          "to draw");
  }
  check_image_size(model, model.sample_size[0], model.sample_size[1]);
}

std::string file_name_part(double number) {
  return format_number(number);
}

/// runs/NAME/samples/ddim50-g3-seed0.png, with a number behind if that is taken.
fs::path default_output(const Job& job, const SampleFlags& flags) {
  const auto& options = job.pipeline.sample;
  const auto folder = job.run.empty() ? fs::path() : job.run / "samples";
  std::string name = job.checkpoint.filename().string() + "-" +
                     std::string(to_name(options.sampler)) + std::to_string(options.steps);
  if (options.guidance != 1.0) name += "-g" + file_name_part(options.guidance);
  name += "-seed" + std::to_string(flags.seed);
  fs::path path = folder / (name + ".png");
  for (int number = 2; fs::exists(path); ++number)
    path = folder / (name + "-" + std::to_string(number) + ".png");
  return path.lexically_proximate(fs::current_path());
}

fs::path find_checkpoint(const std::string& given) {
  if (!given.empty()) return resolve_checkpoint(given);
  const auto run = find_newest_run("runs");
  const auto checkpoint = resolve_checkpoint(run);
  log_info("model: " + checkpoint.string());
  return checkpoint;
}

Precision parse_precision(const std::string& word) {
  const auto precision = from_name<Precision>(word.empty() ? "float32" : word);
  if (!precision) throw UserError("--precision must be float32, bf16 or auto, got '", word, "'");
  return *precision;
}

Job make_job(const SampleFlags& flags) {
  Job job;
  job.precision = parse_precision(flags.common.precision);
  if (!flags.out.empty()) {
    output_kind(flags.out);
    check_output_free(flags.out);
  }
  job.checkpoint = find_checkpoint(flags.checkpoint);
  job.run = run_of(job.checkpoint);
  job.pipeline = load_model(job.checkpoint, flags.settings);
  auto& model = job.pipeline.model;
  check_guidance(model, job.pipeline.sample.guidance);
  if (!flags.noise.empty()) job.noise = load_noise(flags.noise, model);
  settle_size(model, job.noise);
  job.count = flags.count.value_or(job.noise.defined() ? job.noise.size(0) : 64);
  if (job.noise.defined() && job.noise.size(0) < job.count) {
    throw UserError("-n ", job.count, ": ", flags.noise, " holds noise for only ",
                    job.noise.size(0), " images");
  }
  job.labels = cycle_labels(model, parse_classes(flags.classes, model), job.count);
  sampling_timesteps(job.pipeline.sample, job.pipeline.diffusion.num_train_timesteps);
  job.out = flags.out.empty() ? default_output(job, flags) : fs::path(flags.out);
  job.device = select_device(flags.common.device);
  return job;
}

/// The network with the checkpoint's weights, laid out for the device.
UNet load_unet(const Job& job) {
  UNet unet(job.pipeline.model);
  const FlatLayout layout(*unet, preferred_format(job.device, job.precision));
  const auto weights = torch::empty({layout.size()}, torch::device(job.device));
  layout.load(weights, job.pipeline.weights, job.checkpoint.string());
  bind_parameters(*unet, layout, weights, false);
  return unet;
}

/// Two network calls in each precision on a batch of the job's size; gives the faster.
Precision probe_sampling_precision(const Job& job, int64_t batch) {
  const auto& model = job.pipeline.model;
  const auto seconds = [&](Precision precision) {
    Job probe = job;
    probe.precision = precision;
    probe.pipeline.sample.steps = 1;
    probe.pipeline.sample.guidance = 1.0;
    Generator generator(load_unet(probe), probe.pipeline.diffusion, probe.pipeline.sample,
                        probe.device, precision);
    const GenerationRequest request{.seeds = std::vector<uint64_t>(static_cast<size_t>(batch)),
                                    .labels = cycle_labels(model, {}, batch),
                                    .initial_noise = {}};
    generator.generate(request);  // pays for set-up
    const auto start = Clock::now();
    generator.generate(request);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  return seconds(Precision::kBFloat16) < seconds(Precision::kFloat32) ? Precision::kBFloat16
                                                                      : Precision::kFloat32;
}

OutputInfo output_info(const Job& job, const SampleFlags& flags) {
  const auto& options = job.pipeline.sample;
  OutputInfo info;
  info.common = {{"Software", "ddpm"},
                 {"checkpoint", job.checkpoint.string()},
                 {"sampler", std::string(to_name(options.sampler))},
                 {"steps", std::to_string(options.steps)},
                 {"guidance", format_number(options.guidance)}};
  info.first_seed = flags.seed;
  info.labels = job.labels;
  info.class_names = job.pipeline.model.class_names;
  info.columns = grid_columns(job.count, flags.classes.empty() ? num_classes(job.pipeline.model) : 0);
  return info;
}

/// Images first ... first+size-1 of the job.
GenerationRequest batch_request(const Job& job, uint64_t seed, int64_t first, int64_t size) {
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
      : images_(static_cast<double>(images)), steps_(static_cast<double>(steps)) {}

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

  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  double images_;
  double steps_;
  Clock::time_point start_ = Clock::now();
  ProgressLine line_;
};

/// Draws all images; gives how many were done when it ended or was stopped.
int64_t draw(const Job& job, const SampleFlags& flags, OutputWriter& writer) {
  Generator generator(load_unet(job), job.pipeline.diffusion, job.pipeline.sample, job.device,
                      job.precision);
  DrawProgress progress(job.count, job.pipeline.sample.steps);
  int64_t done = 0;
  try {
    while (done < job.count) {
      const int64_t size = std::min(flags.batch_size, job.count - done);
      const auto request = batch_request(job, flags.seed, done, size);
      writer.add(generator.generate(request,
                                    [&](int64_t step) { progress.at(done, size, step); }));
      done += size;
    }
  } catch (const StoppedWithinBatch&) {
    log_info("stopped with " + std::to_string(done) + " of " + std::to_string(job.count) +
             " images done");
  }
  writer.finish();
  return done;
}

void report(const Job& job, const SampleFlags& flags, int64_t done, double seconds) {
  log_info(std::to_string(done) + " images in " + format_duration(seconds));
  if (!flags.common.json) {
    if (done > 0) std::cout << job.out.string() << "\n";
    return;
  }
  const auto& options = job.pipeline.sample;
  const json result = {{"out", job.out.string()},
                       {"images", done},
                       {"checkpoint", job.checkpoint.string()},
                       {"sampler", to_name(options.sampler)},
                       {"steps", options.steps},
                       {"guidance", options.guidance},
                       {"seed", flags.seed},
                       {"labels", job.labels},
                       {"device", job.device.str()},
                       {"precision", to_name(job.precision)},
                       {"seconds", seconds}};
  std::cout << result.dump(2) << "\n";
}

void run_sample(const CLI::App& command, const SampleFlags& flags) {
  refuse_unknown_words(command);
  apply_common_flags(flags.common);
  Job job = make_job(flags);
  if (job.precision == Precision::kAuto) {
    job.precision = probe_sampling_precision(job, std::min(flags.batch_size, job.count));
  }
  catch_stop_signals();
  const auto start = Clock::now();
  OutputWriter writer(job.out, output_info(job, flags));
  const int64_t done = draw(job, flags, writer);
  report(job, flags, done, std::chrono::duration<double>(Clock::now() - start).count());
  if (done < job.count) throw CLI::RuntimeError(static_cast<int>(ExitCode::kStopped));
}

}  // namespace

void add_sample_command(CLI::App& app) {
  auto flags = std::make_shared<SampleFlags>();
  auto* const command = app.add_subcommand("sample", "Draw images from a trained model.");
  command
      ->add_option("--checkpoint", flags->checkpoint,
                   "A run, a checkpoint or a diffusers folder (default: the newest run).")
      ->type_name("PATH");
  command->add_option("-n,--num-images", flags->count, "How many images (default 64).")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->type_name("N");
  command->add_option("--class", flags->classes,
                      "Class names or numbers, repeated in turn (default: all classes).")
      ->type_name("A,B,...");
  command->add_option("--seed", flags->seed, "Image i has seed SEED+i.")
      ->capture_default_str()
      ->type_name("SEED");
  command->add_option("--batch-size", flags->batch_size, "Images at a time; does not change them.")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--out", flags->out, "NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
  command->add_option("--noise", flags->noise,
                      "Start from this noise, float32 [N, C, H, W] in a .npy file.")
      ->type_name("FILE");
  add_setting_alias(*command, flags->settings, "--steps", "sample.steps");
  add_setting_alias(*command, flags->settings, "--sampler", "sample.sampler");
  add_setting_alias(*command, flags->settings, "--guidance", "sample.guidance");
  add_setting_alias(*command, flags->settings, "--eta", "sample.eta");
  add_setting_alias(*command, flags->settings, "--timestep-spacing", "sample.timestep_spacing");
  add_setting_alias(*command, flags->settings, "--variance-type", "sample.variance_type");
  add_setting_alias(*command, flags->settings, "--clip-sample", "sample.clip_sample");
  add_common_flags(*command, flags->common);
  add_setting_flags(*command, flags->settings, {"sample"});
  command->allow_extras();
  command->callback([command, flags] { run_sample(*command, *flags); });
}

}  // namespace ddpm
