#include "ddpm/app/init_from.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "ddpm/app/data_root.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// Settings of the section model that a run may choose though the network is there already.
constexpr std::string_view kChosen[] = {"model.class_conditional", "model.dropout"};

bool is_ours(const ModelFolder& model) {
  return fs::exists(model.path / "config.yaml");
}

/// Where the settings begin, with the model's network not yet in them.
Config base_settings(const TrainRequest& request, const ModelFolder& model,
                     std::set<std::string>& keys) {
  if (!request.config.empty()) return load_config(request.config, keys);
  if (is_ours(model)) {
    Config config = load_config(model.path / "config.yaml", keys);
    config.data.root = root_of_run(config.data.root, run_of(model.path));
    return config;
  }
  Config config;
  config.sample = model.sample;
  config.model.class_conditional = model.network.signature.classes > 0;
  config.model.dropout = model.network.model.dropout;
  return config;
}

void take_network(const ModelFolder& model, Config& config) {
  const ModelConfig chosen = std::exchange(config.model, model.network.model);
  config.model.class_conditional = chosen.class_conditional;
  config.model.dropout = chosen.dropout;
  config.model.backbone = chosen.backbone;
  config.classifier = model.network.classifier;
}

void take_process(const ModelFolder& model, Config& config) {
  if (config.diffusion.process != model.diffusion.process) config.sample = model.sample;
  config.diffusion = model.diffusion;
  const auto& signature = model.network.signature;
  const bool learned = signature.out_channels == 2 * signature.data_channels;
  config.diffusion.variance = learned ? Variance::kLearnedRange : Variance::kFixed;
}

/// The first setting of the section model that the request would change.
void check_same_network(const TrainRequest& request, Config config) {
  const Config before = config;
  request.settings.apply(config, "model");
  for (const auto& change : changed_settings(before, config)) {
    if (std::ranges::find(kChosen, change.key) != std::end(kChosen)) continue;
    throw UserError(change.key, ": the network of `init_from` ", request.init_from.string(),
                    " has ", change.before, ", not ", change.after, "; leave the setting out");
  }
}

std::string name_of(const Signature& signature, int64_t label) {
  return signature.class_names.empty() ? std::to_string(label)
                                       : signature.class_names[static_cast<size_t>(label)];
}

/// Tells which classes were kept and which are new: "classes: kept coat, dress; new hat; the model
/// had 10".
void tell_classes(const Signature& from, const Signature& to) {
  if (from.classes == 0 && to.classes == 0) return;
  const auto same = matching_labels(from, to);
  std::vector<std::string> kept;
  std::vector<std::string> fresh;
  for (int64_t label = 0; label < to.classes; ++label) {
    const bool known = same[static_cast<size_t>(label)].has_value();
    (known ? kept : fresh).push_back(name_of(to, label));
  }
  const auto list = [](const std::vector<std::string>& names) {
    constexpr size_t kShown = 12;
    if (names.empty()) return std::string("none");
    if (names.size() > kShown) return std::to_string(names.size());
    return join(names);
  };
  log_info("classes: kept " + list(kept) + "; new " + list(fresh) + "; the model had " +
           std::to_string(from.classes));
}

}  // namespace

ModelFolder open_init_model(const TrainRequest& request) {
  Config config;
  if (!request.config.empty()) config = load_config(request.config);
  request.settings.apply(config);
  const auto use = component_of(network_config(config)).use;
  return open_model_folder(resolve_checkpoint(clean_path(request.init_from.string())), use);
}

Config init_settings(const TrainRequest& request, const ModelFolder& model,
                     std::set<std::string>& keys) {
  Config config = base_settings(request, model, keys);
  for (const auto& setting : settings(config))
    if (setting.key.starts_with("model.") || setting.key.starts_with("diffusion."))
      keys.emplace(setting.key);
  take_network(model, config);
  take_process(model, config);
  auto& data = config.data;
  const auto& signature = model.network.signature;
  if (data.image_size.empty()) data.image_size = signature.sample_size;
  data.channels = signature.data_channels;
  check_same_network(request, config);
  return config;
}

StartingWeights starting_weights(const ModelFolder& model, const Config& config) {
  const auto origin = model.path.string();
  auto weights = load_weights(model);
  const auto hash = weights_hash(weights);
  const auto network = network_config(config);
  check_weight_count(count_numbers(weights), component_of(network).least_parameters(network),
                     model.path);
  const auto made = make_network(network);
  tell_classes(model.network.signature, made->signature());
  weights = adapt_classes(std::move(weights), model.network.signature, *made);
  weights = with_training_layers(std::move(weights), *made);
  const FlatLayout layout(*made, kMemoryFormat);
  layout.load(torch::zeros({layout.size()}), weights, origin);  // what does not fit is told now
  return {std::move(weights), origin + " (weights " + hash + ")"};
}

}  // namespace ddpm
