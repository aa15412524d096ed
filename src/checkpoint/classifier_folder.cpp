#include "ddpm/checkpoint/classifier_folder.h"

#include "ddpm/checkpoint/checksums.h"
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

constexpr const char* kClassName = "NoisyClassifier";
constexpr const char* kWeightsFile = "model.safetensors";

/// Keys of a U-Net's config that a classifier has no use for.
constexpr const char* kUNetOnly[] = {"up_block_types", "upsample_type", "out_channels",
                                     "num_class_embeds", "_null_class_label"};

/// Reads the keys of our own, then the rest as a U-Net's.
void read_config(json object, const std::string& origin, ClassifierFolder& folder) {
  ConfigReader in(object, origin);
  in.require("_class_name", kClassName);
  const int64_t classes = in.integer("num_classes", 0);
  folder.options.feature_dim = in.integer("feature_dim", 0);
  folder.options.pooling = in.choice("pooling", Pooling::kMean);
  if (classes < 2 || folder.options.feature_dim < 1) {
    throw CheckpointError(origin, ": expected num_classes of at least 2 and feature_dim");
  }
  for (const char* key : {"num_classes", "feature_dim", "pooling"})
    object.erase(key);
  object["_class_name"] = "UNet2DModel";
  object["num_class_embeds"] = classes;
  const auto levels = object.value("block_out_channels", json::array()).size();
  object["up_block_types"] = std::vector<std::string>(levels, "UpBlock2D");
  folder.model = unet_config_from_json(object, origin);
}

}  // namespace

bool holds_classifier(const fs::path& path) {
  return fs::exists(path / kClassifierPart / "config.json");
}

fs::path classifier_weights_file(const fs::path& path) {
  return path / kClassifierPart / kWeightsFile;
}

json classifier_config_to_json(const ModelConfig& model, const ClassifierConfig& options) {
  json config = unet_config_to_json(model);
  for (const char* key : kUNetOnly)
    config.erase(key);
  config["_class_name"] = kClassName;
  config["num_classes"] = model.num_class_embeds.value_or(0);
  config["feature_dim"] = options.feature_dim;
  config["pooling"] = to_name(options.pooling);
  return config;
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
  read_config(load_json(config), config.string(), folder);
  const auto scheduler = path / "scheduler" / "scheduler_config.json";
  SampleConfig sample;
  scheduler_config_from_json(load_json(scheduler), scheduler.string(), folder.diffusion, sample);
  folder.weights = load_safetensors(classifier_weights_file(path));
  return folder;
}

Classifier load_classifier(const ClassifierFolder& folder, torch::Device device) {
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
                      {"classifier", {"ddpm", kClassName}}};
  const auto part = path / kClassifierPart;
  make_folder(part);
  make_folder(path / "scheduler");
  write_file_atomic(path / "model_index.json", format_json(index));
  write_file_atomic(part / "config.json",
                    format_json(classifier_config_to_json(config.model, config.classifier)));
  write_file_atomic(path / "scheduler" / "scheduler_config.json", format_json(scheduler));
  save_safetensors(part / kWeightsFile, weights);
}

}  // namespace ddpm
