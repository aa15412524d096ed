#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"

namespace ddpm {

/// Where a run stands: with the tensors below, all that going on exactly needs.
struct TrainingState {
  int64_t step = 0;                    // optimizer steps done
  std::optional<int64_t> total_steps;  // once known; with a time budget, after the first few dozen
  int64_t decay_start = 0;             // step from which the learning rate decays
  double seconds = 0.0;                // spent in training, over all sessions
  double loss_sum = 0.0;               // of the steps since the last line of metrics
  int64_t loss_steps = 0;              // their number
  double accuracy_sum = 0.0;           // likewise, of a classifier
  int64_t bad_steps = 0;      // the last so many steps had a loss or gradient that is not finite
  int64_t skipped_steps = 0;  // all of them so far, which changed nothing
  std::optional<double> best_score = {};  // the lowest of the evaluations so far
  int64_t dataset_images = 0;
  int64_t threads = 0;         // of the session that wrote it
  std::string device = "cpu";  // likewise
};

/// The tensors of a training run, by parameter name, float32 on any device.
struct TrainingTensors {
  NamedTensors ema;
  NamedTensors weights;
  NamedTensors exp_avg;
  NamedTensors exp_avg_sq;
};

/// Writes a whole checkpoint to `target`, which must not exist: the pipeline folder, or that of a
/// classifier, with the EMA weights, `config.yaml`, and `training/`. It appears under its name only
/// when complete and on the disk; `DiskError` leaves nothing behind. `timestep_sampler` is what
/// that has learned, float64 and int64; empty if it does not learn.
void save_training_checkpoint(const std::filesystem::path& target, const Config& config,
                              const TrainingState& state, const TrainingTensors& tensors,
                              const NamedTensors& timestep_sampler = {});

/// About what a checkpoint of these tensors takes on the disk, and never less.
uint64_t checkpoint_bytes(const TrainingTensors& tensors);

/// Reads all files of a checkpoint, of tensors without `checksums.json` their headers.
/// `CheckpointError` saying what is wrong if something is missing,
/// damaged, of another size than the rest, or from a newer version of the program.
void check_training_checkpoint(const std::filesystem::path& checkpoint);

/// The file that describes the network in a checkpoint of this task: unet/config.json, or that of
/// the classifier.
std::filesystem::path network_config_file(const std::filesystem::path& checkpoint, Task task);
/// What it holds for these settings.
nlohmann::json network_config_to_json(const Config& config);

/// The settings that the run of this checkpoint had.
Config load_checkpoint_config(const std::filesystem::path& checkpoint);

/// `CheckpointError` if the file is missing, broken, or from a newer version of the program.
TrainingState load_training_state(const std::filesystem::path& checkpoint);

TrainingTensors load_training_tensors(const std::filesystem::path& checkpoint);

/// What the timestep sampler had learned; empty if there is no such file.
NamedTensors load_timestep_sampler(const std::filesystem::path& checkpoint);

}  // namespace ddpm
