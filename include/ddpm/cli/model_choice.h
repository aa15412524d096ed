#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/config/config.h"
#include "ddpm/model/unet.h"

namespace ddpm {

/// What commands that draw images share: which model, how it draws, which classes, which precision.

/// The checkpoint folder that `--checkpoint` means; without one that of the newest run, and says
/// which.
std::filesystem::path find_checkpoint(const std::string& given);

/// The run folder that a checkpoint lies in; empty if it lies in none.
std::filesystem::path run_of(const std::filesystem::path& checkpoint);

/// The model, with sampling settings of its own run if it is one of ours, then those of `flags` in
/// the section sample.
PipelineFolder load_model(const std::filesystem::path& checkpoint, const SettingFlags& flags);

/// The large variance leaves its noise in the images unless steps are small.
void warn_of_large_variance(const PipelineFolder& pipeline);

/// The class that `word` names or numbers. `UserError` that lists the known ones.
int64_t parse_class(const std::string& word, const ModelConfig& model);

/// The classes of `--class A,B,...`; none if it was not given.
std::vector<int64_t> parse_classes(const std::optional<std::string>& given,
                                   const ModelConfig& model);

/// What `--precision` means; float32 if it was not given.
Precision parse_precision(const std::string& word);

/// The network on `device`, to compute in `precision`.
UNet make_unet(const PipelineFolder& pipeline, torch::Device device, Precision precision);

/// Draws two batches of one step in each precision; gives the faster.
Precision probe_sampling_precision(const PipelineFolder& pipeline, torch::Device device,
                                   int64_t batch);

}  // namespace ddpm
