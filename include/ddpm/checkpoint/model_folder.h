#pragma once

#include <filesystem>
#include <string>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/config/network_config.h"
#include "ddpm/model/named_tensors.h"
#include "ddpm/model/network.h"
#include "ddpm/model/precision.h"

namespace ddpm {

/// What a checkpoint folder says of its model. The weights stay in the folder.
struct ModelFolder {
  std::filesystem::path path;
  NetworkConfig network = {};
  DiffusionConfig diffusion = {};
  SampleConfig sample = {};
};

/// Opens a checkpoint folder of a network for `use`: a diffusers pipeline folder
/// (`unet/` or another component's folder, and `scheduler/`), the old layout with all files in the
/// root, a `checkpoint-N` of diffusers' training scripts, of which `unet_ema/` is taken, or a U-Net
/// alone. The scheduler may lie one folder further up; without one, diffusers' defaults are taken
/// with a warning. A classifier's folder has `classifier/` and `scheduler/`, for the noise that it
/// knows. A pipeline that draws with further networks, as latent diffusion, is refused.
/// `CheckpointError` naming the file that is missing, damaged or wrong, the file of weights
/// included, or saying what the folder holds instead.
ModelFolder open_model_folder(const std::filesystem::path& path,
                              NetworkUse use = NetworkUse::kDenoise);

/// The (averaged) weights, float32 and finite, under the names that diffusers writes today: there
/// may be several files, in float16 or bfloat16, with what `modern_weight_names` takes off the
/// names. `CheckpointError` naming the file.
NamedTensors load_weights(const ModelFolder& folder);

/// `tensor`, a weight of today's name `name`; one of attention that was a convolution of one pixel
/// as the matrix that it is.
torch::Tensor as_matrix(const std::string& name, const torch::Tensor& tensor);

/// The network with its weights, float32, on `device`, convolution weights laid out in `format`, in
/// eval mode. `CheckpointError` if weights and config do not fit each other.
Network load_network(const ModelFolder& folder, torch::Device device,
                     torch::MemoryFormat format = kMemoryFormat);

/// The forward process of a checkpoint folder, or of its `scheduler/` alone. `CheckpointError` if
/// there is no scheduler_config.json or it is wrong.
DiffusionConfig load_folder_diffusion(const std::filesystem::path& path);

/// Writes the model of a run with these settings, complete, into the existing folder `path`.
void save_model_folder(const std::filesystem::path& path, const Config& config,
                       const NamedTensors& weights);

}  // namespace ddpm
