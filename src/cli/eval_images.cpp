#include "ddpm/cli/eval_images.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <torch/types.h>

#include "ddpm/cli/device.h"
#include "ddpm/cli/feature_choice.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"
#include "ddpm/eval/feature_statistics.h"
#include "ddpm/sample/generator.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/train/test_accuracy.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

/// All that an image of the model depends on, but its number.
std::string generation_identity(const EvalJob& job, const EvalFlags& flags, Precision precision) {
  Sha256 hash;
  hash.update(model_identity(job));
  for (const int64_t label : job.labels)
    hash.update(std::to_string(label) + ",");
  hash.update(std::to_string(flags.seed) + " " + std::string(to_name(precision)) + " " +
              job.device.str());
  return "generated " + std::to_string(job.count) + " " + hash.finish();
}

/// Numbers the classes of the dataset as `names`, if there are any.
OpenedImages opened(std::shared_ptr<const Dataset> dataset, const std::string& name, int64_t count,
                    const std::vector<std::string>& names) {
  auto strange = names.empty() ? std::string() : strange_class(*dataset, names);
  if (!names.empty() && strange.empty()) dataset = with_classes_as(std::move(dataset), names);
  return {std::make_shared<DatasetImages>(std::move(dataset), name, count), std::move(strange)};
}

/// What a split of the job's data is called: of files, by where they lie.
std::string split_name(const DataConfig& data, const Dataset& dataset, const std::string& split) {
  const bool files = data.name == "folder" || data.name == "npz" || data.name == "idx";
  return (files ? dataset.info().where : data.name) + " " + split;
}

OpenedImages open_split(const EvalJob& job, const std::string& split, int64_t count,
                        const std::vector<std::string>& names) {
  DataConfig data = *job.data;
  data.split = split;
  std::shared_ptr<const Dataset> dataset = open_dataset(data);
  const auto name = split_name(data, *dataset, split);
  return opened(std::move(dataset), name, count, names);
}

/// Nothing if the data has no test split.
std::optional<OpenedImages> find_test_split(const EvalJob& job, int64_t count,
                                            const std::vector<std::string>& names) {
  DataConfig data = *job.data;
  data.split = "train";
  std::shared_ptr<const Dataset> test = open_test_split(data);
  if (test == nullptr) return std::nullopt;
  const auto name = split_name(data, *test, "test");
  return opened(std::move(test), name, count, names);
}

DataConfig data_for_files(const EvalJob& job) {
  DataConfig like = job.data.value_or(DataConfig());
  if (!job.data) like.channels = 0;
  return like;
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

std::vector<std::string> class_names_to_compare(const EvalJob& job, const EvalFlags& flags,
                                                const MetricSelection& metrics) {
  if (!metrics.class_agreement && !metrics.per_class && !metrics.diversity) return {};
  if (flags.images.empty()) return job.pipeline->model.class_names;
  if (const auto names = given_classifier_names(flags.features); !names.empty()) return names;
  return job.data ? open_dataset(*job.data)->info().class_names : std::vector<std::string>();
}

OpenedImages open_files(const EvalJob& job, const EvalFlags& flags,
                        const std::vector<std::string>& names) {
  if (is_split(flags.images)) return open_split(job, flags.images, job.count, names);
  DataConfig like = data_for_files(job);
  if (!flags.settings.contains("data.image_size")) like.image_size = {};  // scored as they are
  return opened(open_images(flags.images, like), flags.images, job.count, names);
}

OpenedImages open_reference_images(const EvalJob& job, const EvalFlags& flags,
                                   const std::vector<std::string>& names) {
  if (is_split(flags.reference)) return open_split(job, flags.reference, INT64_MAX, names);
  return opened(open_images(flags.reference, data_for_files(job)), flags.reference, INT64_MAX,
                names);
}

std::shared_ptr<ImageSource> open_floor_images(const EvalJob& job, int64_t count) {
  if (!job.data) return nullptr;
  const auto test = find_test_split(job, count, {});
  return test ? test->images : nullptr;
}

OpenedImages open_bits_images(const EvalJob& job, int64_t count) {
  const auto& names = job.pipeline->model.class_names;
  if (auto test = find_test_split(job, count, names)) return *std::move(test);
  log_warning("there is no test split, so bits per dimension are those of training images");
  return open_split(job, "train", count, names);
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
