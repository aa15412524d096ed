#pragma once

#include <filesystem>

#include <torch/types.h>

#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/data/training_data.h"
#include "ddpm/train/starting_weights.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// Where a session of a run begins: at step 0, or where `checkpoint` stands if that is not empty.
/// `DataError` if that run was trained on another number of images, `CheckpointError`.
TrainingState initial_state(const Config& config, const TrainingData& data, torch::Device device,
                            const std::filesystem::path& checkpoint);

/// The model of that moment; at step 0 with the weights of `start`, if that has some.
/// `CheckpointError`.
TrainingModel initial_model(const Config& config, torch::Device device,
                            const std::filesystem::path& checkpoint,
                            const StartingWeights& start = {});

}  // namespace ddpm
