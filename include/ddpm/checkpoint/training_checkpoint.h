#pragma once

#include <cstdint>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// The tensors of a training run, by parameter name, float32 on any device.
struct TrainingTensors {
  NamedTensors ema;
  NamedTensors weights;
  NamedTensors exp_avg;
  NamedTensors exp_avg_sq;
};

/// Writes a whole checkpoint to `target`, which must not exist: the model's folder with the EMA
/// weights but for those that serve training alone, `config.yaml`, and `training/`. It appears
/// under its name only when complete and on the disk; `DiskError` leaves nothing behind.
/// `timestep_sampler` is what that has learned, float64 and int64; empty if it does not learn.
void save_training_checkpoint(const std::filesystem::path& target, const Config& config,
                              const TrainingState& state, const TrainingTensors& tensors,
                              const NamedTensors& timestep_sampler = {});

/// About what a checkpoint of these tensors takes on the disk, and never less.
uint64_t checkpoint_bytes(const TrainingTensors& tensors, const NamedTensors& timestep_sampler);

/// Reads all files of a checkpoint, of tensors without `checksums.json` their headers.
/// `CheckpointError` saying what is wrong if something is missing,
/// damaged, of another size than the rest, or from a newer version of the program.
void check_training_checkpoint(const std::filesystem::path& checkpoint);

/// `CheckpointError` if the checkpoint has fewer weights than any network of these settings, which
/// then is not worth the memory that making it takes.
void check_weights_suffice(const std::filesystem::path& checkpoint, const Config& config);

/// The file that describes the network in a checkpoint of these settings, such as unet/config.json.
std::filesystem::path network_config_file(const std::filesystem::path& checkpoint,
                                          const Config& config);
/// What it holds for them.
nlohmann::json network_config_to_json(const Config& config);

/// The settings that the run of this checkpoint had.
Config load_checkpoint_config(const std::filesystem::path& checkpoint);

/// `CheckpointError` if the file is missing, broken, or from a newer version of the program.
TrainingState load_training_state(const std::filesystem::path& checkpoint);

/// `CheckpointError` naming the tensor if one is not finite: training writes none such.
TrainingTensors load_training_tensors(const std::filesystem::path& checkpoint);

/// What the timestep sampler had learned; empty if there is no such file.
NamedTensors load_timestep_sampler(const std::filesystem::path& checkpoint);

}  // namespace ddpm
