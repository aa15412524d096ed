#include "ddpm/checkpoint/components.h"

#include <algorithm>
#include <utility>

#include <torch/types.h>

#include "ddpm/checkpoint/classifier_config.h"
#include "ddpm/checkpoint/model_path.h"
#include "ddpm/checkpoint/pipeline_index.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/model/classifier.h"
#include "ddpm/model/unet.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

template <typename Holder>
Network make(const NetworkConfig& network) {
  return Holder(network).ptr();
}

std::vector<Component>& table() {
  static std::vector<Component> rows{
      {.name = "unet",
       .use = NetworkUse::kDenoise,
       .library = "diffusers",
       .class_name = "UNet2DModel",
       .weights_file = "diffusion_pytorch_model.safetensors",
       .write = unet_config_to_json,
       .read = unet_config_from_json,
       .make = make<UNet>,
       .least_parameters = least_unet_parameters},
      {.name = "classifier",
       .use = NetworkUse::kClassify,
       .library = "ddpm",
       .class_name = kClassifierClass,
       .weights_file = "model.safetensors",
       .write = classifier_config_to_json,
       .read = classifier_config_from_json,
       .make = make<Classifier>,
       .least_parameters = least_classifier_parameters},
  };
  return rows;
}

/// The class of a network that model_index.json names and no row knows; empty if there is none.
std::string unknown_class(const fs::path& path) {
  for (const auto& [name, class_name] : load_pipeline_index(path).parts) {
    if (name == "scheduler") continue;
    if (std::ranges::find(components(), class_name, &Component::class_name) == components().end())
      return class_name;
  }
  return {};
}

}  // namespace

fs::path Component::folder_in(const fs::path& path) const {
  const auto averaged = path / (name + "_ema");
  return fs::exists(averaged / "config.json") ? averaged : path / name;
}

const std::vector<Component>& components() {
  return table();
}

void register_component(Component component) {
  const bool known = std::ranges::any_of(
      components(), [&](const Component& row) { return row.name == component.name; });
  TORCH_CHECK(!known, "there is a component ", component.name, " already");
  table().push_back(std::move(component));
}

const Component& component_of(const NetworkConfig& network) {
  const auto row = std::ranges::find(components(), network.model.backbone, &Component::name);
  TORCH_CHECK(row != components().end(), "there is no component ", network.model.backbone);
  return *row;
}

const Component* find_component(const fs::path& path, NetworkUse use) {
  for (const auto& row : components())
    if (row.use == use && fs::exists(row.config_file(path))) return &row;
  const bool alone = use == NetworkUse::kDenoise && fs::exists(path / "config.json");
  return alone ? &components().front() : nullptr;
}

const Component& component_in(const fs::path& path) {
  for (const auto& row : components())
    if (fs::exists(row.config_file(path))) return row;
  refuse_unknown_component(path, "unet/config.json or classifier/config.json");
}

void refuse_unknown_component(const fs::path& path, const std::string& expected) {
  const auto unknown = unknown_class(path);
  if (!unknown.empty())
    throw CheckpointError(path.string(), ": holds a network of the class ", unknown,
                          ", which this ddpm does not know, expected ", expected, " in it");
  throw CheckpointError(path.string(), ": not a checkpoint, expected ", expected, " in it",
                        describe_content(path));
}

Network make_network(const NetworkConfig& network) {
  return component_of(network).make(network);
}

}  // namespace ddpm
