#include "ddpm/checkpoint/model_folder.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

/// Today's name of an attention parameter; others stay.
std::string modern_key(const std::string& key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRenamed{{
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."},
  }};
  for (const auto& [old_part, new_part] : kRenamed) {
    const auto place = key.find(old_part);
    if (place != key.npos && key.find(".attentions.") != key.npos) {
      return std::string(key).replace(place, old_part.size(), new_part);
    }
  }
  return key;
}

/// The row of the folder's network, which must be one for `use`.
const Component& component_for(const fs::path& path, NetworkUse use) {
  if (const auto* const found = find_component(path, use)) return *found;
  if (use == NetworkUse::kClassify) {
    if (find_component(path, NetworkUse::kDenoise) == nullptr)
      refuse_unknown_component(path, "classifier/config.json");
    throw CheckpointError(path.string(),
                          ": holds a denoising model, expected a classifier (train one with "
                          "train.task classifier)");
  }
  if (find_component(path, NetworkUse::kClassify) == nullptr)
    refuse_unknown_component(path, "unet/config.json or config.json");
  throw CheckpointError(path.string(),
                        ": holds a classifier, which draws no images; give it as `classifier`, "
                        "beside the `checkpoint` of a denoising model");
}

/// The folder with the network's files.
fs::path part_of(const fs::path& path, const Component& component) {
  const auto config = component.config_file(path);
  return fs::exists(config) ? config.parent_path() : path;
}

/// The one safetensors file of weights in `folder`, variants such as `.fp16` included.
fs::path find_weights(const fs::path& folder, const Component& component) {
  const auto& file = component.weights_file;
  if (fs::exists(folder / file)) return folder / file;
  const auto stem = fs::path(file).stem().string() + ".";
  std::vector<fs::path> variants;
  bool pickle = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool weights = name.starts_with(stem);
    if (weights && name.ends_with(".safetensors")) variants.push_back(entry.path());
    pickle = pickle || (weights && name.ends_with(".bin"));
  }
  if (variants.size() == 1) return variants.front();
  if (variants.empty() && pickle) {
    throw CheckpointError(folder.string(),
                          ": has only a .bin file, a pickle that could run code; open it in Python "
                          "and save it again: ",
                          component.class_name, ".from_pretrained(FOLDER).save_pretrained(NEW)");
  }
  throw CheckpointError(folder.string(), ": expected the file ", file);
}

/// Where scheduler_config.json is, beside a network in `part`; empty if nowhere.
fs::path find_scheduler(const fs::path& root, const fs::path& part) {
  for (const auto& folder : {root / "scheduler", root, part.parent_path() / "scheduler"})
    if (fs::exists(folder / "scheduler_config.json")) return folder / "scheduler_config.json";
  return {};
}

void read_scheduler(const fs::path& file, ModelFolder& folder) {
  if (file.empty()) {
    log_warning(folder.path.string() +
                ": there is no scheduler_config.json; taking diffusers' defaults "
                "(1000 timesteps, linear schedule, epsilon)");
  }
  auto& sample = folder.sample;
  const json config = file.empty() ? json::object() : load_json(file);
  scheduler_config_from_json(config, file.string(), folder.diffusion, sample);
  const int64_t timesteps = folder.diffusion.num_train_timesteps;
  const bool all_steps = sample.sampler == SamplerType::kDdpm;  // as diffusers' DDPMPipeline
  sample.steps = all_steps ? timesteps : std::min(sample.steps, timesteps);
}

}  // namespace

ModelFolder open_model_folder(const fs::path& path, NetworkUse use) {
  const auto& component = component_for(path, use);
  std::vector<std::string> parts{component.name, "scheduler"};
  if (use == NetworkUse::kDenoise) parts.emplace_back("config.yaml");  // says how it draws
  verify_checksums(path, parts);
  const auto part = part_of(path, component);
  const auto config = part / "config.json";
  ModelFolder folder;
  folder.path = path;
  folder.network = component.read(load_json(config), config.string());
  folder.network.model.backbone = component.name;
  auto scheduler = find_scheduler(path, part);
  if (scheduler.empty() &&
      use == NetworkUse::kClassify)  // else the noise it knows is anyone's guess
    scheduler = path / "scheduler" / "scheduler_config.json";
  read_scheduler(scheduler, folder);
  load_safetensors_header(find_weights(part, component));  // a broken file is told here and now
  return folder;
}

NamedTensors load_weights(const ModelFolder& folder) {
  const auto& component = component_of(folder.network);
  const auto file = find_weights(part_of(folder.path, component), component);
  NamedTensors weights;
  for (auto& [key, tensor] : load_safetensors(file))
    weights[modern_key(key)] = tensor.to(torch::kFloat32);
  return weights;
}

Network load_network(const ModelFolder& folder, torch::Device device, torch::MemoryFormat format) {
  const auto& component = component_of(folder.network);
  const auto weights = load_weights(folder);
  check_weight_count(count_numbers(weights), component.least_parameters(folder.network),
                     folder.path);
  auto network = component.make(folder.network);
  load_parameters(*network, weights, folder.path.string(), device, format);
  network->eval();
  return network;
}

DiffusionConfig load_folder_diffusion(const fs::path& path) {
  const auto scheduler = find_scheduler(path, path / "unet");
  if (scheduler.empty())
    throw CheckpointError(path.string(),
                          ": there is no scheduler_config.json, which would say its schedule");
  verify_checksums(path, {"scheduler"});
  DiffusionConfig diffusion;
  SampleConfig sample;
  scheduler_config_from_json(load_json(scheduler), scheduler.string(), diffusion, sample);
  return diffusion;
}

void save_model_folder(const fs::path& path, const Config& config, const NamedTensors& weights) {
  const auto network = network_config(config);
  const auto& component = component_of(network);
  const bool classifier = component.use == NetworkUse::kClassify;
  const json scheduler = scheduler_config_to_json(config.diffusion, config.sample);
  const json index = {{"_class_name", classifier ? "ClassifierPipeline" : "DDPMPipeline"},
                      {"_diffusers_version", kDiffusersVersion},
                      {"scheduler", {"diffusers", scheduler.at("_class_name")}},
                      {component.name, {component.library, component.class_name}}};
  const auto config_file = component.config_file(path);
  make_folder(config_file.parent_path());
  make_folder(path / "scheduler");
  write_file_atomic(path / "model_index.json", format_json(index));
  write_file_atomic(config_file, format_json(component.write(network)));
  write_file_atomic(path / "scheduler" / "scheduler_config.json", format_json(scheduler));
  save_safetensors(config_file.parent_path() / component.weights_file, weights);
}

}  // namespace ddpm
