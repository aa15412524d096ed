#include "ddpm/checkpoint/pipeline_folder.h"

#include <array>
#include <vector>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/classifier_folder.h"
#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kWeightsFile = "diffusion_pytorch_model.safetensors";

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

/// The one safetensors file of weights in `folder`, variants such as `.fp16` included.
fs::path find_weights(const fs::path& folder) {
  if (fs::exists(folder / kWeightsFile)) return folder / kWeightsFile;
  std::vector<fs::path> variants;
  bool pickle = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool weights = name.starts_with("diffusion_pytorch_model.");
    if (weights && name.ends_with(".safetensors")) variants.push_back(entry.path());
    pickle = pickle || (weights && name.ends_with(".bin"));
  }
  if (variants.size() == 1) return variants.front();
  if (variants.empty() && pickle) {
    throw CheckpointError(
        folder.string(),
        ": has only a .bin file, a pickle that could run code; open it in Python "
        "and save it again: UNet2DModel.from_pretrained(FOLDER).save_pretrained(NEW)");
  }
  throw CheckpointError(folder.string(), ": expected the file ", kWeightsFile);
}

NamedTensors load_weights(const fs::path& file) {
  NamedTensors weights;
  for (auto& [key, tensor] : load_safetensors(file))
    weights[modern_key(key)] = tensor.to(torch::kFloat32);
  return weights;
}

/// Where scheduler_config.json is, beside a U-Net in `unet`; empty if nowhere.
fs::path find_scheduler(const fs::path& root, const fs::path& unet) {
  for (const auto& folder : {root / "scheduler", root, unet.parent_path() / "scheduler"})
    if (fs::exists(folder / "scheduler_config.json")) return folder / "scheduler_config.json";
  return {};
}

}  // namespace

PipelineFolder load_pipeline_folder(const fs::path& path) {
  PipelineFolder folder;
  folder.path = path;
  const fs::path unet = fs::exists(path / "unet" / "config.json") ? path / "unet" : path;
  if (holds_classifier(path) && !fs::exists(unet / "config.json")) {
    throw CheckpointError(path.string(),
                          ": holds a classifier, which draws no images; give it as --classifier, "
                          "beside the --checkpoint of a denoising model");
  }
  if (!fs::exists(unet / "config.json")) {
    throw CheckpointError(path.string(),
                          ": not a checkpoint, expected unet/config.json or config.json in it");
  }
  verify_checksums(path, {"unet", "scheduler", "config.yaml"});
  const auto config_file = unet / "config.json";
  folder.model = unet_config_from_json(load_json(config_file), config_file.string());
  const auto scheduler = find_scheduler(path, unet);
  const json scheduler_config = scheduler.empty() ? json::object() : load_json(scheduler);
  if (scheduler.empty()) {
    log_warning(path.string() +
                ": there is no scheduler_config.json; taking diffusers' defaults "
                "(1000 timesteps, linear schedule, epsilon)");
  }
  scheduler_config_from_json(scheduler_config, scheduler.string(), folder.diffusion, folder.sample);
  const int64_t timesteps = folder.diffusion.num_train_timesteps;
  const bool all_steps = folder.sample.sampler == SamplerType::kDdpm;  // as diffusers' DDPMPipeline
  folder.sample.steps = all_steps ? timesteps : std::min(folder.sample.steps, timesteps);
  folder.weights = load_weights(find_weights(unet));
  return folder;
}

DiffusionConfig load_pipeline_diffusion(const fs::path& path) {
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

UNet load_unet(const PipelineFolder& folder, torch::Device device, torch::MemoryFormat format) {
  check_weight_count(count_numbers(folder.weights), least_unet_parameters(folder.model),
                     folder.path);
  UNet unet(folder.model);
  load_parameters(*unet, folder.weights, folder.path.string(), device, format);
  unet->eval();
  return unet;
}

void save_pipeline_folder(const fs::path& path, const Config& config, const NamedTensors& weights) {
  const json scheduler = scheduler_config_to_json(config.diffusion, config.sample);
  const json index = {{"_class_name", "DDPMPipeline"},
                      {"_diffusers_version", kDiffusersVersion},
                      {"scheduler", {"diffusers", scheduler.at("_class_name")}},
                      {"unet", {"diffusers", "UNet2DModel"}}};
  make_folder(path / "unet");
  make_folder(path / "scheduler");
  write_file_atomic(path / "model_index.json", format_json(index));
  write_file_atomic(path / "unet" / "config.json", format_json(unet_config_to_json(config.model)));
  write_file_atomic(path / "scheduler" / "scheduler_config.json", format_json(scheduler));
  save_safetensors(path / "unet" / kWeightsFile, weights);
}

}  // namespace ddpm
