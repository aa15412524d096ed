#include "ddpm/app/eval_images.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <torch/types.h>

#include "ddpm/app/feature_choice.h"
#include "ddpm/config/dataset_traits.h"
#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"
#include "ddpm/data/held_out.h"
#include "ddpm/data/open.h"
#include "ddpm/eval/feature_statistics.h"
#include "ddpm/runtime/device.h"
#include "ddpm/sample/generator.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

/// All that an image of the model depends on, but its number.
std::string generation_identity(const EvalPlan& plan, Precision precision) {
  Sha256 hash;
  hash.update(model_identity(plan));
  for (const int64_t label : plan.labels)
    hash.update(std::to_string(label) + ",");
  hash.update(std::to_string(plan.seed()) + " " + std::string(to_name(precision)) + " " +
              plan.device.str());
  return "generated " + std::to_string(plan.count) + " " + hash.finish();
}

/// Numbers the classes of the dataset as `names`, if there are any.
OpenedImages opened(std::shared_ptr<const Dataset> dataset, const std::string& name, int64_t count,
                    const std::vector<std::string>& names) {
  for (const auto& warning : dataset->info().warnings)
    log_warning(name + ": " + warning);
  auto unknown = names.empty() ? std::string() : unknown_class(*dataset, names);
  if (!names.empty() && unknown.empty()) dataset = with_classes_as(std::move(dataset), names);
  return {std::make_shared<DatasetImages>(std::move(dataset), name, count), std::move(unknown)};
}

/// The name of a split of the plan's data; files go by where they lie.
std::string split_name(const DataConfig& data, const Dataset& dataset, const std::string& split) {
  const auto* const traits = find_dataset_traits(data.name);
  const bool files = traits == nullptr || traits->places.empty();
  return (files ? dataset.info().where : data.name) + " " + split;
}

OpenedImages open_split(const EvalPlan& plan, const std::string& split, int64_t count,
                        const std::vector<std::string>& names) {
  DataConfig data = *plan.data;
  data.split = split;
  std::shared_ptr<const Dataset> dataset = open_dataset(data);
  const auto name = split_name(data, *dataset, split);
  return opened(std::move(dataset), name, count, names);
}

/// Nothing if the data has no held-out split.
std::optional<OpenedImages> find_held_out(const EvalPlan& plan, int64_t count,
                                          const std::vector<std::string>& names) {
  DataConfig data = *plan.data;
  data.split = "train";
  auto held_out = open_held_out(data, HeldOutUse::kEvaluation);
  if (held_out.images == nullptr) return std::nullopt;
  const auto name = split_name(data, *held_out.images, held_out.split);
  return opened(std::move(held_out.images), name, count, names);
}

bool is_archive(const std::string& path) {
  return lower_case(std::filesystem::path(path).extension().string()) == ".npz";
}

DataConfig data_for_files(const EvalPlan& plan) {
  DataConfig like = plan.data.value_or(DataConfig());
  if (!plan.data) like.channels = 0;
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

SourceInfo generated_info(const EvalPlan& plan) {
  const auto& model = plan.model->pipeline.network.signature;
  return {.name = plan.checkpoint.string(),
          .images = plan.count,
          .channels = model.data_channels,
          .height = model.sample_size[0],
          .width = model.sample_size[1],
          .num_classes = model.classes,
          .class_names = model.class_names};
}

std::shared_ptr<ImageSource> generated_images(const EvalPlan& plan, Precision precision) {
  const auto& pipeline = plan.model->pipeline;
  const auto graphs = make_graph_factory(plan.device, plan.cuda_graph);
  auto generator =
      std::make_unique<Generator>(make_model(pipeline, plan.device, precision), pipeline.diffusion,
                                  plan.sample, plan.device, graphs);
  return std::make_shared<GeneratedImages>(std::move(generator), generated_info(plan), plan.seed(),
                                           plan.labels, generation_identity(plan, precision));
}

std::vector<std::string> class_names_to_compare(const EvalPlan& plan) {
  if (!plan.options.metrics.needs_classes()) return {};
  if (plan.draws()) return plan.model->pipeline.network.signature.class_names;
  if (const auto names = given_classifier_names(plan.features); !names.empty()) return names;
  return plan.data ? open_dataset(*plan.data)->info().class_names : std::vector<std::string>();
}

OpenedImages open_files(const EvalPlan& plan, const std::vector<std::string>& names) {
  if (is_split(plan.images)) return open_split(plan, plan.images, plan.count, names);
  DataConfig like = data_for_files(plan);
  if (plan.as_stored) like.image_size = {};
  return opened(open_images(plan.images, like), plan.images, plan.count, names);
}

OpenedImages open_reference_images(const EvalPlan& plan, const std::vector<std::string>& names) {
  if (const auto& own = plan.reference_images; own != nullptr)
    return opened(own, own->info().name, INT64_MAX, names);
  if (is_split(plan.reference)) return open_split(plan, plan.reference, INT64_MAX, names);
  try {
    return opened(open_images(plan.reference, data_for_files(plan)), plan.reference, INT64_MAX,
                  names);
  } catch (const DataError& error) {
    if (!is_archive(plan.reference)) throw;
    throw DataError(error.what(), "; as statistics: mu and sigma, mu_s and sigma_s, or m2 and s2");
  }
}

std::shared_ptr<ImageSource> open_floor_images(const EvalPlan& plan, int64_t count) {
  if (!plan.data) return nullptr;
  const auto test = find_held_out(plan, count, {});
  return test ? test->images : nullptr;
}

OpenedImages open_bits_images(const EvalPlan& plan) {
  const auto& names = plan.model->pipeline.network.signature.class_names;
  if (auto test = find_held_out(plan, plan.bits_images, names)) return *std::move(test);
  log_warning("there is no test or val split, so bits per dimension are those of training images");
  return open_split(plan, "train", plan.bits_images, names);
}

Json describe_images(const EvalPlan& plan, const ImageSource& source, Precision precision) {
  Json images{{"source", source.info().name}, {"n", source.info().images}};
  if (!plan.draws()) return images;
  const auto& sample = plan.sample;
  const auto& model = *plan.model;
  images["checkpoint"] = plan.checkpoint.string();
  images["weights"] = model.data ? "EMA" : "as stored";  // ours, or someone's
  images["weights_hash"] = model.weights_hash;
  images["sampler"] = to_name(sample.sampler);
  images["steps"] = sample.steps;
  images["network_calls"] = network_calls(*make_process(model.pipeline.diffusion), sample);
  images["timestep_spacing"] = to_name(sample.timestep_spacing);
  images["guidance"] = sample.guidance;
  images["seed"] = plan.seed();
  images["classes"] = plan.classes;
  images["precision"] = to_name(precision);
  images["device"] = plan.device.str();
  images["settings"] = describe_sampling(sample);
  return images;
}

}  // namespace ddpm
