#pragma once

#include <set>
#include <string>

#include "ddpm/app/train.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/config/config.h"
#include "ddpm/train/starting_weights.h"

namespace ddpm {

/// The settings of a run that begins with the model `request.init_from`, before those of the
/// request: what `request.config` says, else the model's own run, else the defaults. Network,
/// forward process and channels are the model's in any case, and so is the image size where none is
/// set. Puts into `keys` what is chosen by a file or by the model. `CheckpointError`; `UserError`
/// if the request asks for another network.
Config init_settings(const TrainRequest& request, const ModelFolder& model,
                     std::set<std::string>& keys);

/// Opens that model for the objective of `config`: a checkpoint of ours, a run, or a folder of
/// diffusers. `CheckpointError` naming what is missing or wrong.
ModelFolder open_init_model(const TrainRequest& request);

/// The model's weights for the run of `config`, which must be complete, with its classes; the log
/// tells what became of the model's. `CheckpointError` if they do not fit the network.
StartingWeights starting_weights(const ModelFolder& model, const Config& config);

}  // namespace ddpm
