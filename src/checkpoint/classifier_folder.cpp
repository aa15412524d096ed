#include "ddpm/checkpoint/classifier_folder.h"

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/classifier_config.h"
#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/model/precision.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;

using nlohmann::json;

namespace {

constexpr const char* kClassifierWeightsFile = "model.safetensors";

}  // namespace

bool holds_classifier(const fs::path& path) {
  return fs::exists(path / kClassifierPart / "config.json");
}

fs::path classifier_weights_file(const fs::path& path) {
  return path / kClassifierPart / kClassifierWeightsFile;
}

ClassifierFolder load_classifier_folder(const fs::path& path) {
  if (!holds_classifier(path)) {
    const bool denoiser = fs::exists(path / "unet") || fs::exists(path / "config.json");
    throw CheckpointError(path.string(), denoiser
                                             ? ": holds a denoising model, expected a classifier "
                                               "(train one with train.task classifier)"
                                             : ": not a checkpoint of a classifier, expected "
                                               "classifier/config.json in it");
  }
  verify_checksums(path, {kClassifierPart, "scheduler"});
  ClassifierFolder folder;
  folder.path = path;
  const auto config = path / kClassifierPart / "config.json";
  classifier_config_from_json(load_json(config), config.string(), folder.model, folder.options);
  const auto scheduler = path / "scheduler" / "scheduler_config.json";
  SampleConfig sample;
  scheduler_config_from_json(load_json(scheduler), scheduler.string(), folder.diffusion, sample);
  folder.weights = load_safetensors(classifier_weights_file(path));
  return folder;
}

Classifier load_classifier(const ClassifierFolder& folder, torch::Device device) {
  check_weight_count(count_numbers(folder.weights),
                     least_classifier_parameters(folder.model, folder.options), folder.path);
  Classifier classifier(folder.model, folder.options);
  load_parameters(*classifier, folder.weights, folder.path.string(), device, kMemoryFormat);
  classifier->eval();
  return classifier;
}

void save_classifier_folder(const fs::path& path, const Config& config,
                            const NamedTensors& weights) {
  const json scheduler = scheduler_config_to_json(config.diffusion, config.sample);
  const json index = {{"_class_name", "ClassifierPipeline"},
                      {"_diffusers_version", kDiffusersVersion},
                      {"scheduler", {"diffusers", scheduler.at("_class_name")}},
                      {"classifier", {"ddpm", kClassifierClass}}};
  const auto part = path / kClassifierPart;
  make_folder(part);
  make_folder(path / "scheduler");
  write_file_atomic(path / "model_index.json", format_json(index));
  write_file_atomic(part / "config.json",
                    format_json(classifier_config_to_json(config.model, config.classifier)));
  write_file_atomic(path / "scheduler" / "scheduler_config.json", format_json(scheduler));
  save_safetensors(part / kClassifierWeightsFile, weights);
}

}  // namespace ddpm
