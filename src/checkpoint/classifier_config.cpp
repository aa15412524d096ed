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

}  // namespace

json classifier_config_to_json(const ModelConfig& model, const ClassifierConfig& options) {
  json config = unet_config_to_json(model);
  for (const char* key : kUNetOnly)
    config.erase(key);
  config["_class_name"] = kClassifierClass;
  config["num_classes"] = model.num_class_embeds.value_or(0);
  config["feature_dim"] = options.feature_dim;
  config["pooling"] = to_name(options.pooling);
  return config;
}

uint64_t least_classifier_parameters(const ModelConfig& model, const ClassifierConfig& options) {
  const int64_t outputs = model.num_class_embeds.value_or(0) + model.block_out_channels.back();
  return least_downward_parameters(model) + static_cast<uint64_t>(options.feature_dim * outputs);
}

/// The keys of our own are read first, then the rest as a U-Net's.
void classifier_config_from_json(json object, const std::string& origin, ModelConfig& model,
                                 ClassifierConfig& options) {
  ConfigReader in(object, origin);
  in.require("_class_name", kClassifierClass);
  const int64_t classes = in.integer("num_classes", 0);
  options.feature_dim = in.integer("feature_dim", 0);
  options.pooling = in.choice("pooling", Pooling::kMean);
  if (classes < 2 || options.feature_dim < 1) {
    throw CheckpointError(origin, ": expected num_classes of at least 2 and feature_dim");
  }
  for (const char* key : {"num_classes", "feature_dim", "pooling"})
    object.erase(key);
  object["_class_name"] = "UNet2DModel";
  object["num_class_embeds"] = classes;
  const auto levels = object.value("block_out_channels", json::array()).size();
  object["up_block_types"] = std::vector<std::string>(levels, "UpBlock2D");
  model = unet_config_from_json(object, origin);
  check_rules_of_file(origin, [&] {
    check_classifier(model, options);
    const auto& sides = model.sample_size;
    if (!sides.empty()) check_classifier_size(model, sides[0], sides[1]);
  });
}

}  // namespace ddpm
