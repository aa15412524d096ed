#pragma once

#include <filesystem>

#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/unet.h"

namespace ddpm {

/// A model as a diffusers pipeline folder holds it.
struct PipelineFolder {
  std::filesystem::path path;
  ModelConfig model;
  DiffusionConfig diffusion;
  SampleConfig sample;
  NamedTensors weights;  // names as diffusers writes them today
};

/// Opens a pipeline folder: `unet/` and `scheduler/`, the old layout with all files in the root, or
/// a U-Net alone, for which diffusers' scheduler defaults are taken with a warning. Weights may be
/// float32, float16 or bfloat16; attention keys may have their old names. `CheckpointError` naming
/// the file that is missing or wrong.
PipelineFolder load_pipeline_folder(const std::filesystem::path& path);

/// The forward process of a pipeline folder, or of its `scheduler/` alone; weights are not read.
/// `CheckpointError` if there is no scheduler_config.json or it is wrong.
DiffusionConfig load_pipeline_diffusion(const std::filesystem::path& path);

/// The network of `folder` with its weights, on `device`, convolution weights laid out in `format`.
/// `CheckpointError` if weights and config do not fit each other.
UNet load_unet(const PipelineFolder& folder, torch::Device device, torch::MemoryFormat format);

/// Writes the model as a pipeline folder into the existing folder `path`.
void save_pipeline_folder(const std::filesystem::path& path, const Config& config,
                          const NamedTensors& weights);

}  // namespace ddpm
