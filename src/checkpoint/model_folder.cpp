#include "ddpm/checkpoint/model_folder.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/pipeline_index.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/checkpoint/weight_files.h"
#include "ddpm/checkpoint/weight_names.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

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

/// Refuses a pipeline whose network does something else than to denoise pixels, as the
/// model_index.json in `path` tells.
void check_pipeline(const fs::path& path) {
  constexpr auto kOthers = std::to_array<std::string_view>(
      {"ConsistencyModelPipeline", "KarrasVePipeline", "ScoreSdeVePipeline"});
  const auto index = load_pipeline_index(path);
  const auto file = (path / "model_index.json").string();
  if (std::ranges::find(kOthers, index.class_name) != kOthers.end())
    throw CheckpointError(file, ": the network of a ", index.class_name,
                          " is trained for something else than the noise schedules that this ddpm "
                          "knows, expected a DDPMPipeline or DDIMPipeline");
  for (const auto& [name, class_name] : index.parts) {
    const bool known =
        name == "scheduler" ||
        std::ranges::find(components(), name, &Component::name) != components().end();
    if (!known)
      throw CheckpointError(file, ": ", index.class_name, " draws with ", name, " (", class_name,
                            ") too, which this ddpm does not have, expected a pipeline of unet and "
                            "scheduler, whose network sees pixels");
  }
}

/// The pipeline that a folder is, or that a network's own folder is a part of.
void check_pipelines(const fs::path& path, const Component& component) {
  check_pipeline(path);
  const auto whole = fs::absolute(path).lexically_normal();
  if (whole.filename() == component.name) check_pipeline(whole.parent_path());
}

std::vector<fs::path> weight_files(const fs::path& path, const Component& component) {
  return find_weight_files(part_of(path, component), component.weights_file);
}

/// Where scheduler_config.json is, beside a network in `part` or one folder up, where scripts keep
/// it for all their checkpoints; empty if nowhere.
fs::path find_scheduler(const fs::path& root, const fs::path& part) {
  const auto beside = fs::absolute(part).lexically_normal().parent_path();
  for (const auto& folder :
       {root / "scheduler", root, beside / "scheduler", beside.parent_path() / "scheduler"})
    if (fs::exists(folder / "scheduler_config.json")) return folder / "scheduler_config.json";
  return {};
}

/// Reads a scheduler's file for the checkpoint folder `root`.
void read_scheduler_file(const fs::path& file, const fs::path& root, DiffusionConfig& diffusion,
                         SampleConfig& sample) {
  const json config = load_json(file);
  scheduler_config_from_json(config, file.string(), diffusion, sample);
  // Checkpoints of before have this for schedulers, too, whose class does not know it.
  const bool rescaled = config.value("rescale_betas_zero_snr", json()) == true;
  if (rescaled && fs::exists(root / "config.yaml"))
    diffusion.rescale_betas_zero_snr =
        load_checkpoint_config(root).diffusion.rescale_betas_zero_snr;
}

void read_scheduler(const fs::path& file, ModelFolder& folder) {
  auto& sample = folder.sample;
  if (file.empty()) {
    log_warning(folder.path.string() +
                ": there is no scheduler_config.json; taking diffusers' defaults "
                "(1000 timesteps, linear schedule, epsilon)");
    scheduler_config_from_json(json::object(), "", folder.diffusion, sample);
  } else {
    read_scheduler_file(file, folder.path, folder.diffusion, sample);
  }
  const int64_t timesteps = folder.diffusion.num_train_timesteps;
  const bool all_steps = sample.sampler == SamplerType::kDdpm;  // as diffusers' DDPMPipeline
  sample.steps = all_steps ? timesteps : std::min(sample.steps, timesteps);
}

}  // namespace

ModelFolder open_model_folder(const fs::path& path, NetworkUse use) {
  const auto& component = component_for(path, use);
  check_pipelines(path, component);
  std::vector<std::string> parts{component.name, "scheduler"};
  if (use == NetworkUse::kDenoise) parts.emplace_back("config.yaml");  // says how it draws
  verify_checksums(path, parts);
  const auto part = part_of(path, component);
  if (part.filename() == component.name + "_ema" && part != path)
    log_info("weights: " + part.string() + ", the averaged ones");
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
  for (const auto& file : weight_files(path, component))
    load_safetensors_header(file);  // a broken file is told here and now
  return folder;
}

torch::Tensor as_matrix(const std::string& name, const torch::Tensor& tensor) {
  const bool pixel = tensor.dim() > 2 && tensor.numel() == tensor.size(0) * tensor.size(1);
  return pixel && name.find(".attentions.") != name.npos ? tensor.flatten(1) : tensor;
}

NamedTensors load_weights(const ModelFolder& folder) {
  const auto files = weight_files(folder.path, component_of(folder.network));
  NamedTensors found;
  for (const auto& file : files)
    for (auto& [name, tensor] : load_finite_safetensors(file))
      if (!found.emplace(name, tensor).second)
        throw CheckpointError(file.string(), ": tensor '", name, "' is in another file, too");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : found)
    names.push_back(name);
  NamedTensors weights;
  for (const auto& [name, modern] : modern_weight_names(names))
    if (!weights.emplace(modern, as_matrix(modern, found.at(name)).to(torch::kFloat32)).second)
      throw CheckpointError(files.front().string(), ": holds '", modern, "' twice, once as '", name,
                            "'");
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
  read_scheduler_file(scheduler, path, diffusion, sample);
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
