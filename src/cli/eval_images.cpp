#include "ddpm/cli/eval_images.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/yaml.h"
#include "ddpm/eval/feature_statistics.h"
#include "ddpm/sample/generator.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/train/test_accuracy.h"
#include "ddpm/util/error.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

/// All that an image of the model depends on, but its number.
std::string generation_identity(const EvalJob& job, const EvalFlags& flags) {
  Config config;
  config.diffusion = job.pipeline->diffusion;
  config.sample = job.pipeline->sample;
  Sha256 hash;
  hash.update(job.weights_hash + to_yaml(config));
  for (const int64_t label : job.labels)
    hash.update(std::to_string(label) + ",");
  hash.update(std::to_string(flags.seed) + " " + std::string(to_name(job.precision)) + " " +
              job.device.str());
  return "generated " + std::to_string(job.count) + " " + hash.finish();
}

std::unique_ptr<ImageSource> generated_images(const EvalJob& job, const EvalFlags& flags) {
  const auto& pipeline = *job.pipeline;
  auto precision = job.precision;
  if (precision == Precision::kAuto) {
    precision =
        probe_sampling_precision(pipeline, job.device, std::min(flags.batch_size, job.count));
  }
  const auto graphs = make_graph_factory(job.device, flags.common.no_cuda_graph);
  auto generator =
      std::make_unique<Generator>(make_unet(pipeline, job.device, precision), pipeline.diffusion,
                                  pipeline.sample, job.device, graphs);
  SourceInfo info{.name = job.checkpoint.string(),
                  .images = job.count,
                  .channels = pipeline.model.in_channels,
                  .height = pipeline.model.sample_size[0],
                  .width = pipeline.model.sample_size[1],
                  .num_classes = num_classes(pipeline.model),
                  .class_names = pipeline.model.class_names};
  return std::make_unique<GeneratedImages>(std::move(generator), std::move(info), flags.seed,
                                           job.labels, generation_identity(job, flags));
}

/// A split of a dataset of this name: of files, it is called by where they lie.
std::shared_ptr<ImageSource> split_images(std::shared_ptr<const Dataset> dataset,
                                          const std::string& name, const std::string& split,
                                          int64_t count) {
  const bool files = name == "folder" || name == "npz" || name == "idx";
  const auto shown = files ? dataset->info().where : name;
  return std::make_shared<DatasetImages>(std::move(dataset), shown + " " + split, count);
}

DataConfig data_for_files(const EvalJob& job) {
  DataConfig like = job.data.value_or(DataConfig());
  if (!job.data) like.channels = 0;
  return like;
}

}  // namespace

std::shared_ptr<ImageSource> open_split(const EvalJob& job, const std::string& split,
                                        int64_t count) {
  DataConfig data = *job.data;
  data.split = split;
  return split_images(open_dataset(data), data.name, split, count);
}

std::shared_ptr<ImageSource> find_test_split(const EvalJob& job, int64_t count) {
  if (!job.data) return nullptr;
  DataConfig data = *job.data;
  data.split = "train";
  auto test = open_test_split(data);
  return test == nullptr ? nullptr : split_images(std::move(test), data.name, "test", count);
}

std::shared_ptr<ImageSource> open_scored_images(const EvalJob& job, const EvalFlags& flags) {
  if (flags.images.empty()) return generated_images(job, flags);
  if (is_split(flags.images)) {
    DataConfig data = *job.data;
    data.split = flags.images;
    return std::make_shared<DatasetImages>(open_dataset(data), data.name + " " + data.split,
                                           job.count);
  }
  return std::make_shared<DatasetImages>(open_images(flags.images, data_for_files(job)),
                                         flags.images, job.count);
}

std::shared_ptr<ImageSource> open_reference_images(const EvalJob& job, const EvalFlags& flags) {
  const auto& reference = flags.reference;
  if (is_split(reference)) return open_split(job, reference);
  if (!fs::is_directory(reference) && holds_statistics(reference)) return nullptr;
  return std::make_shared<DatasetImages>(open_images(reference, data_for_files(job)), reference);
}

Json describe_images(const EvalJob& job, const EvalFlags& flags, const ImageSource& source) {
  Json images{{"source", source.info().name}, {"n", source.info().images}};
  if (!flags.images.empty()) return images;
  const auto& sample = job.pipeline->sample;
  const bool ours = fs::exists(job.checkpoint / "config.yaml");
  images["checkpoint"] = job.checkpoint.string();
  images["weights"] = ours ? "EMA" : "as stored";
  images["weights_hash"] = job.weights_hash;
  images["sampler"] = to_name(sample.sampler);
  images["steps"] = sample.steps;
  images["network_calls"] = network_calls(Process(job.pipeline->diffusion), sample);
  images["timestep_spacing"] = to_name(sample.timestep_spacing);
  images["guidance"] = sample.guidance;
  images["seed"] = flags.seed;
  images["classes"] = flags.classes ? *flags.classes : job.labels.empty() ? "none" : "all in turn";
  images["precision"] = to_name(job.precision);
  images["device"] = job.device.str();
  return images;
}

}  // namespace ddpm
