#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/config/config.h"
#include "ddpm/config/network_config.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// A kind of network: how it is made, and how a checkpoint holds it. A new kind is a network, the
/// functions that a row needs, and the row.
struct Component {
  std::string name;  // `ModelConfig::backbone`, and its folder in a checkpoint
  NetworkUse use = NetworkUse::kDenoise;
  std::string library;       // which model_index.json says the class is of
  std::string class_name;    // `_class_name` in its config.json
  std::string weights_file;  // beside config.json

  /// The content of config.json.
  nlohmann::json (*write)(const NetworkConfig& network) = nullptr;
  /// Reads it back. `CheckpointError` starting with `origin` for what is wrong or not supported.
  NetworkConfig (*read)(const nlohmann::json& object, const std::string& origin) = nullptr;
  Network (*make)(const NetworkConfig& network) = nullptr;
  /// As many parameters such a network has at least: for comparing a config with its weights before
  /// memory is taken.
  uint64_t (*least_parameters)(const NetworkConfig& network) = nullptr;

  /// The folder of its files in the checkpoint folder `path`: NAME, or NAME_ema where there is one,
  /// the averaged weights beside or in place of the raw ones, as diffusers' training scripts leave
  /// them.
  std::filesystem::path folder_in(const std::filesystem::path& path) const;
  /// Where its config.json is there.
  std::filesystem::path config_file(const std::filesystem::path& path) const {
    return folder_in(path) / "config.json";
  }
};

/// The kinds of network that the program knows.
const std::vector<Component>& components();

/// Adds a row, which has a name of its own. Only while nothing else uses the table: the program's
/// own rows are all there from the start.
void register_component(Component component);

/// The row of a network.
const Component& component_of(const NetworkConfig& network);

/// The row of the network that the checkpoint folder `path` holds for this use, null if it holds
/// none that the program knows. A denoiser's files may lie in the folder itself, as older diffusers
/// and a network on its own have them.
const Component* find_component(const std::filesystem::path& path, NetworkUse use);

/// The row of the network that a checkpoint of ours at `path` holds, whatever its use.
/// `CheckpointError` that tells what it holds if the program does not know that.
const Component& component_in(const std::filesystem::path& path);

/// Throws the `CheckpointError` of a folder without a network that the program knows, of which
/// `expected` would be right.
[[noreturn]] void refuse_unknown_component(const std::filesystem::path& path,
                                           const std::string& expected);

/// The network of these settings, with weights as LibTorch draws them.
Network make_network(const NetworkConfig& network);

}  // namespace ddpm
