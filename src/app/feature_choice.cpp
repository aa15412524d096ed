#include "ddpm/app/feature_choice.h"

#include <cstdlib>
#include <string_view>

#include <torch/types.h>

#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/find_config.h"
#include "ddpm/config/identity.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/yaml.h"
#include "ddpm/data/image_data.h"
#include "ddpm/eval/cache.h"
#include "ddpm/eval/classifier_network.h"
#include "ddpm/eval/image_source.h"
#include "ddpm/eval/inception.h"
#include "ddpm/train/plan.h"
#include "ddpm/train/trainer.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRecipe = "fashion-mnist-features";
constexpr const char* kFinished = "finished";
constexpr std::string_view kInceptionWord = "inception:";
constexpr std::string_view kClassifierWord = "classifier:";
constexpr const char* kAdvice =
    "give `features` inception:FILE.safetensors; scripts/convert_inception.py makes that file from "
    "the weights of pytorch-fid or torch-fidelity (see docs/evaluation.md)";

/// The settings for a classifier of this data.
Config recipe_for(const DataConfig& data) {
  Config config = load_config(find_config(kRecipe));
  const bool flip = config.data.flip;
  config.data = data;
  config.data.split = "train";
  config.data.flip = flip;
  check_rules(config);
  return config;
}

/// A folder for the classifier, known by the images and the recipe; empty if there is no cache.
fs::path folder_for(const Config& config, const std::shared_ptr<const Dataset>& dataset) {
  Config recipe = config;
  recipe.data = DataConfig();  // the images themselves say more than where they lie
  recipe.data.flip = config.data.flip;
  DatasetImages images(dataset, "training images");
  const auto settings = identity_of(recipe, {"data", "model", "classifier", "diffusion", "train"});
  const auto key = sha256(images.identity() + "\n" + settings);
  return optional_cache_file("classifiers", dataset->info().name + "-" + key.substr(0, 16));
}

void train_classifier(const Config& config, const TrainingData& data, const fs::path& folder,
                      torch::Device device) {
  const RunDirectory run(folder);
  make_folder(folder);
  const RunLock lock(run);
  run.create();
  if (fs::exists(folder / kFinished)) return;  // another process has just done it
  log_info("training a classifier of " + data.where() + " for its features, once (" +
           (config.train.max_minutes > 0
                ? format_duration(60 * config.train.max_minutes)
                : std::to_string(config.train.steps.value_or(0)) + " steps") +
           "), into " + folder.string());
  Config complete = complete_config(config, data);
  const auto checkpoint = run.newest_checkpoint();
  if (complete.train.precision == Precision::kAuto) {
    complete.train.precision = checkpoint.empty()
                                   ? probe_precision(complete, device)
                                   : load_checkpoint_config(checkpoint).train.precision;
  }
  RunFolder run_folder(run);
  Trainer trainer(complete, data, run_folder, {.device = device, .checkpoint = checkpoint});
  if (trainer.run() == RunEnd::kStopped) {
    throw StopRequested{"the classifier is trained up to step " +
                        std::to_string(trainer.state().step)};
  }
  write_file_atomic(folder / kFinished, "");
}

/// The path that "classifier:CHECKPOINT" gives; empty for others.
fs::path given_classifier(const std::string& given) {
  if (!given.starts_with(kClassifierWord)) return {};
  return clean_path(given.substr(kClassifierWord.size()));
}

/// Where DDPM_INCEPTION points; empty if it is not set.
fs::path given_inception() {
  const char* const given = std::getenv("DDPM_INCEPTION");
  return given == nullptr ? fs::path() : fs::path(given);
}

/// Removes a damaged one, unless another process is training it anew just now.
void forget_classifier(const fs::path& folder) {
  const RunDirectory run(folder);
  const RunLock lock(run);
  fs::remove(folder / kFinished);
  fs::remove_all(run.checkpoints());
}

std::unique_ptr<FeatureNetwork> open_inception(const fs::path& file, const std::string& resize,
                                               torch::Device device) {
  return std::make_unique<Inception>(load_inception(file, parse_inception_resize(resize), device));
}

std::string no_inception(const fs::path& weights) {
  return "no weights of Inception" + (weights.empty() ? "" : " at " + weights.string());
}

}  // namespace

fs::path inception_file() {
  const auto given = given_inception();
  if (!given.empty()) return given;
  const auto cache = cache_folder();
  return cache.empty() ? cache : cache / "inception-2015-12-05.safetensors";
}

std::unique_ptr<FeatureNetwork> data_classifier(const DataConfig& data, torch::Device device) {
  const Config config = recipe_for(data);
  const std::shared_ptr<const Dataset> dataset = open_dataset(config.data);
  if (dataset->info().num_classes < 2)
    throw UserError(dataset->info().where,
                    ": has no classes to train a classifier on, whose features could be compared; ",
                    kAdvice);
  auto folder = folder_for(config, dataset);
  std::optional<ScratchFolder> scratch;
  if (folder.empty()) folder = scratch.emplace().path() / "classifier";
  const auto open = [&] {
    if (!fs::exists(folder / kFinished))
      train_classifier(config, training_images(dataset, config), folder, device);
    return std::make_unique<ClassifierNetwork>(folder, device);
  };
  try {
    return open();
  } catch (const CheckpointError& error) {  // it is only a cache
    log_warning(std::string(error.what()) + "; it is trained anew");
    forget_classifier(folder);
    return open();
  }
}

std::vector<std::string> given_classifier_names(const std::string& given) {
  const auto classifier = given_classifier(given);
  if (classifier.empty()) return {};
  return open_model_folder(resolve_checkpoint(classifier), NetworkUse::kClassify)
      .network.signature.class_names;
}

std::unique_ptr<FeatureNetwork> choose_features(const std::string& given, const std::string& resize,
                                                const std::optional<DataConfig>& data,
                                                torch::Device device) {
  if (given.starts_with(kInceptionWord))
    return open_inception(given.substr(kInceptionWord.size()), resize, device);
  if (const auto classifier = given_classifier(given); !classifier.empty())
    return std::make_unique<ClassifierNetwork>(classifier, device);
  const auto weights = inception_file();
  if (fs::exists(weights)) return open_inception(weights, resize, device);
  if (!given_inception().empty())
    throw CheckpointError("DDPM_INCEPTION: ", weights.string(), ": no such file");
  if (!data)
    throw UserError(no_inception(weights),
                    ", and no data known to train a classifier on; give `checkpoint` of a model of "
                    "these images, or ",
                    kAdvice);
  auto network = data_classifier(*data, device);
  log_notice(no_inception(weights) +
             ", so distances are in the features of a classifier of the data and are no FID; for "
             "FID, " +
             kAdvice);
  return network;
}

}  // namespace ddpm
