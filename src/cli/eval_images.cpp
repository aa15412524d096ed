#include "ddpm/cli/eval_images.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <torch/types.h>

#include "ddpm/checkpoint/classifier_folder.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/cli/device.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/eval/feature_statistics.h"
#include "ddpm/sample/generator.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/train/test_accuracy.h"
#include "ddpm/util/files.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

/// All that an image of the model depends on, but its number.
std::string generation_identity(const EvalJob& job, const EvalFlags& flags, Precision precision) {
  Config config;
  config.diffusion = job.pipeline->diffusion;
  config.sample = job.pipeline->sample;
  Sha256 hash;
  hash.update(job.weights_hash + to_yaml(config));
  for (const int64_t label : job.labels)
    hash.update(std::to_string(label) + ",");
  hash.update(std::to_string(flags.seed) + " " + std::string(to_name(precision)) + " " +
              job.device.str());
  return "generated " + std::to_string(job.count) + " " + hash.finish();
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

/// The classes that the job knows, of the classifier that was given or of the data; empty if they
/// have numbers only.
std::vector<std::string> known_class_names(const EvalJob& job, const EvalFlags& flags) {
  constexpr std::string_view kClassifier = "classifier:";
  if (flags.features.starts_with(kClassifier)) {
    const auto path = clean_path(flags.features.substr(kClassifier.size()));
    const auto names = load_classifier_folder(resolve_checkpoint(path)).model.class_names;
    if (!names.empty()) return names;
  }
  return job.data ? open_dataset(*job.data)->info().class_names : std::vector<std::string>();
}

/// False, and nothing changed, if a class of the dataset is none of `names`.
bool number_classes_as(const std::vector<std::string>& names,
                       std::shared_ptr<const Dataset>& dataset) {
  if (names.empty()) return true;
  auto renumbered = with_classes_as(dataset, names);
  if (renumbered == nullptr) return false;
  dataset = std::move(renumbered);
  return true;
}

/// All settings of the section sample that images depend on.
Json describe_sampling(const SampleConfig& sample) {
  Config config;
  config.sample = sample;
  constexpr std::string_view kSection = "sample.";
  Json object = Json::object();
  for (const auto& setting : settings(config)) {
    if (!setting.key.starts_with(kSection) || setting.key == "sample.grid_images") continue;
    const auto text = format_value(setting);
    auto value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    object[std::string(setting.key.substr(kSection.size()))] =
        value.is_discarded() ? Json(text) : value;
  }
  return object;
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

SourceInfo generated_info(const EvalJob& job) {
  const auto& model = job.pipeline->model;
  return {.name = job.checkpoint.string(),
          .images = job.count,
          .channels = model.in_channels,
          .height = model.sample_size[0],
          .width = model.sample_size[1],
          .num_classes = num_classes(model),
          .class_names = model.class_names};
}

std::shared_ptr<ImageSource> generated_images(const EvalJob& job, const EvalFlags& flags,
                                              Precision precision) {
  const auto& pipeline = *job.pipeline;
  const auto graphs = make_graph_factory(job.device, flags.common.no_cuda_graph);
  auto generator =
      std::make_unique<Generator>(make_unet(pipeline, job.device, precision), pipeline.diffusion,
                                  pipeline.sample, job.device, graphs);
  return std::make_shared<GeneratedImages>(std::move(generator), generated_info(job), flags.seed,
                                           job.labels, generation_identity(job, flags, precision));
}

ScoredFiles open_files(const EvalJob& job, const EvalFlags& flags, const Reference& reference) {
  if (is_split(flags.images)) {
    DataConfig data = *job.data;
    data.split = flags.images;
    return {split_images(open_dataset(data), data.name, data.split, job.count), ""};
  }
  DataConfig like = data_for_files(job);
  if (!flags.settings.contains("data.image_size")) like.image_size = {};  // scored as they are
  std::shared_ptr<const Dataset> dataset = open_images(flags.images, like);
  std::string strange_class;
  if (const auto own = dataset->info().class_names; !own.empty()) {
    auto names = known_class_names(job, flags);
    if (names.empty() && reference.source) names = reference.source->info().class_names;
    if (!number_classes_as(names, dataset))
      strange_class = *std::ranges::find_if(own, [&](const std::string& name) {
        return std::ranges::find(names, name) == names.end();
      });
  }
  return {std::make_shared<DatasetImages>(std::move(dataset), flags.images, job.count),
          strange_class};
}

std::shared_ptr<ImageSource> open_reference_images(const EvalJob& job, const EvalFlags& flags) {
  const auto& reference = flags.reference;
  if (is_split(reference)) return open_split(job, reference);
  if (!fs::is_directory(reference)) {
    const auto content = npz_content(reference);
    if (content.statistics && !content.images) return nullptr;
  }
  auto dataset = open_images(reference, data_for_files(job));
  if (!dataset->info().class_names.empty())
    number_classes_as(known_class_names(job, flags), dataset);
  return std::make_shared<DatasetImages>(std::move(dataset), reference);
}

Json describe_images(const EvalJob& job, const EvalFlags& flags, const ImageSource& source,
                     Precision precision) {
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
  images["precision"] = to_name(precision);
  images["device"] = job.device.str();
  images["settings"] = describe_sampling(sample);
  return images;
}

}  // namespace ddpm
