#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/training_data.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// `config` with all that follows from the data: channels, image size, classes and the row that
/// means "no class". `UserError` if model and data do not fit each other.
Config complete_config(Config config, const TrainingData& data);

/// Images that are computed at once: a batch, or one of the parts whose gradients are added up.
int64_t micro_batch_size(const TrainConfig& config);

/// A fresh network of `config`, complete, in training, with the seed and the precision of the
/// settings.
TrainingModel make_training_model(const Config& config, torch::Device device);

/// What training this model is expected to take, in bytes: the program, the parameters (weights,
/// gradients, EMA, two moments, and what the net computes with) and the activations of one
/// micro-batch. An estimate: within 15 % on the two nets of benchmarks/; the images come on top.
int64_t estimate_training_bytes(const Config& config, torch::Device device, int64_t parameters,
                                int64_t activations);

/// What a few steps on made-up data of this shape tell.
struct StepProbe {
  Precision precision = Precision::kFloat32;
  double seconds = 0.0;  // of an optimizer step
};

/// Takes them in the precision of the settings; if that is auto, in float32 and in bf16, of which
/// the faster is told.
StepProbe probe_step(const Config& config, torch::Device device);
/// Its precision.
Precision probe_precision(const Config& config, torch::Device device);

}  // namespace ddpm
