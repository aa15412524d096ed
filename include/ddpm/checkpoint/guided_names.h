#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ddpm/config/network_config.h"

namespace ddpm {

/// Shapes of the tensors of a state dict, by name.
using NamedShapes = std::map<std::string, std::vector<int64_t>>;

/// What a state dict of `UNetModel` in openai/guided-diffusion or openai/improved-diffusion says of
/// its network, as a `UNet2DModel`. It tells neither the width of an attention head nor the size of
/// the images, which are left as they are by default.
struct GuidedNetwork {
  NetworkConfig network;
  std::map<std::string, std::string> names;  // ours by theirs, but for those of `qkv`
  /// Layers that give queries, keys and values at once, such as "middle_block.1.qkv", with the
  /// attention block that they belong to, such as "mid_block.attentions.0".
  std::map<std::string, std::string> qkv;
  std::vector<int64_t> attention_channels;  // of all attention blocks, rising, each once
};

/// Reads it. `CheckpointError` starting with `origin` that names the tensor which is missing, has
/// an unexpected shape or is left over, or what a `UNet2DModel` cannot express: a first level of
/// another width than the embedding of time, average pooling between levels, a network that
/// enlarges images, a classifier.
GuidedNetwork read_guided_network(const NamedShapes& shapes, const std::string& origin);

}  // namespace ddpm
