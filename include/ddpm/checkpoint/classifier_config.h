#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/config/network_config.h"

namespace ddpm {

/// The network's name in a checkpoint of a classifier.
inline constexpr const char* kClassifierClass = "NoisyClassifier";

/// `classifier/config.json`: the keys of diffusers' `UNet2DModel` as far as there is a downward
/// half, with `_class_name` "NoisyClassifier", `num_classes`, `feature_dim` and `pooling`.
nlohmann::json classifier_config_to_json(const NetworkConfig& network);

/// Reads it back. `CheckpointError` starting with `origin` that names what is wrong or not
/// supported.
NetworkConfig classifier_config_from_json(const nlohmann::json& object, const std::string& origin);

/// As many parameters such a classifier has at least; see `least_unet_parameters`.
uint64_t least_classifier_parameters(const NetworkConfig& network);

}  // namespace ddpm
