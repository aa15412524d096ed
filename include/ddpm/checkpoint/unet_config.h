#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/config/network_config.h"

namespace ddpm {

/// `unet/config.json` of diffusers' `UNet2DModel`. Keys of our own begin with an underscore, which
/// diffusers passes over: `_null_class_label` (the embedding row that means "no class"),
/// `_class_names`, and `_data_channels` where the network sees a condition image behind x.
nlohmann::json unet_config_to_json(const NetworkConfig& network);

/// Reads a `UNet2DModel`'s config, diffusers' defaults for what is absent. `CheckpointError`
/// starting with `origin` that names anything which this program does not support.
NetworkConfig unet_config_from_json(const nlohmann::json& object, const std::string& origin);

/// As many parameters the downward half of such a network has at least, and the whole one: for
/// comparing a config with its weights before memory is taken.
uint64_t least_downward_parameters(const NetworkConfig& network);
uint64_t least_unet_parameters(const NetworkConfig& network);
/// `CheckpointError` if the weights are fewer than the least of these two tells.
void check_weight_count(uint64_t numbers, uint64_t least, const std::filesystem::path& folder);

}  // namespace ddpm
