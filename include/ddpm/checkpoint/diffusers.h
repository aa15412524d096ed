#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"

namespace ddpm {

/// `unet/config.json` of diffusers' `UNet2DModel`. Keys of our own begin with an underscore, which
/// diffusers passes over: `_null_class_label` (the embedding row that means "no class") and
/// `_class_names`.
nlohmann::json unet_config_to_json(const ModelConfig& model);

/// Reads a `UNet2DModel`'s config, diffusers' defaults for what is absent. `CheckpointError` starting
/// with `origin` that names anything which this program does not support.
ModelConfig unet_config_from_json(const nlohmann::json& json, const std::string& origin);

/// `scheduler_config.json` of diffusers' `DDPMScheduler`.
nlohmann::json scheduler_config_to_json(const DiffusionConfig& diffusion,
                                        const SampleConfig& sample);

/// Reads a diffusers scheduler's config into `diffusion` and those parts of `sample` that it speaks
/// of. `CheckpointError` starting with `origin` that names what is not supported.
void scheduler_config_from_json(const nlohmann::json& json, const std::string& origin,
                                DiffusionConfig& diffusion, SampleConfig& sample);

/// A model as a diffusers pipeline folder holds it.
struct PipelineFolder {
  std::filesystem::path path;
  ModelConfig model;
  DiffusionConfig diffusion;
  SampleConfig sample;
  NamedTensors weights;  // names as diffusers writes them today
};

/// Opens a pipeline folder: `unet/` and `scheduler/`, or the old layout with all files in the root.
/// Weights may be float32, float16 or bfloat16; attention keys may have their old names.
/// `CheckpointError` naming the file that is missing or wrong.
PipelineFolder load_pipeline_folder(const std::filesystem::path& path);

/// Writes the model as a pipeline folder into the existing folder `path`.
void save_pipeline_folder(const std::filesystem::path& path, const Config& config,
                          const NamedTensors& weights);

}  // namespace ddpm
