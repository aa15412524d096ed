#include "ddpm/checkpoint/classifier_config.h"

#include <vector>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/config/rules.h"
#include "ddpm/util/error.h"

namespace ddpm {

using nlohmann::json;

namespace {

/// Keys of a U-Net's config that a classifier has no use for.
constexpr const char* kUNetOnly[] = {"up_block_types", "upsample_type", "out_channels",
                                     "num_class_embeds", "_null_class_label"};

/// Reads the keys that are a classifier's own.
ClassifierConfig read_options(ConfigReader& in, const std::string& origin) {
  ClassifierConfig options;
  const int64_t classes = in.integer("num_classes", 0);
  options.feature_dim = in.integer("feature_dim", 0);
  options.pooling = in.choice("pooling", Pooling::kMean);
  if (classes < 2 || options.feature_dim < 1)
    throw CheckpointError(origin, ": expected num_classes of at least 2 and feature_dim");
  return options;
}

/// The rest as a U-Net's config.
json as_unet_config(json object) {
  object["_class_name"] = "UNet2DModel";
  object["num_class_embeds"] = object.at("num_classes");
  for (const char* key : {"num_classes", "feature_dim", "pooling", "_null_class_label"})
    object.erase(key);
  const auto levels = object.value("block_out_channels", json::array()).size();
  object["up_block_types"] = std::vector<std::string>(levels, "UpBlock2D");
  return object;
}

}  // namespace

json classifier_config_to_json(const NetworkConfig& network) {
  json config = unet_config_to_json(network);
  for (const char* key : kUNetOnly)
    config.erase(key);
  config["_class_name"] = kClassifierClass;
  config["num_classes"] = network.signature.classes;
  config["feature_dim"] = network.classifier.feature_dim;
  config["pooling"] = to_name(network.classifier.pooling);
  return config;
}

NetworkConfig classifier_config_from_json(const json& object, const std::string& origin) {
  ConfigReader in(object, origin);
  in.require("_class_name", kClassifierClass);
  const auto options = read_options(in, origin);
  auto network = unet_config_from_json(as_unet_config(object), origin);
  network.classifier = options;
  check_rules_of_file(origin, [&] {
    check_classifier(network.model, options);
    const auto& sides = network.signature.sample_size;
    if (!sides.empty()) check_classifier_size(network.model, sides[0], sides[1]);
  });
  return network;
}

uint64_t least_classifier_parameters(const NetworkConfig& network) {
  const int64_t outputs = network.signature.classes + network.model.block_out_channels.back();
  return least_downward_parameters(network) +
         static_cast<uint64_t>(network.classifier.feature_dim * outputs);
}

}  // namespace ddpm
