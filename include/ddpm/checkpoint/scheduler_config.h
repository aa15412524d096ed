#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/config/config.h"

namespace ddpm {

/// `scheduler_config.json` of the diffusers scheduler that samples as the settings say, or the
/// nearest there is: spacings uniform and quad become leading, the rest is in docs/samplers.md.
nlohmann::json scheduler_config_to_json(const DiffusionConfig& diffusion,
                                        const SampleConfig& sample);

/// Reads a diffusers scheduler's config into `diffusion` and those parts of `sample` that it speaks
/// of, so that sampling is as the scheduler would. `CheckpointError` starting with `origin` that
/// names what is not supported.
void scheduler_config_from_json(const nlohmann::json& object, const std::string& origin,
                                DiffusionConfig& diffusion, SampleConfig& sample);

}  // namespace ddpm
