#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/train/evaluations.h"

namespace ddpm {

/// The small evaluations of `train.eval_every`: Frechet distance (`fid`, or `fd` in a classifier's
/// features) and kernel distance (`kid`) of `train.eval_images` images to the training images.
/// Feature network and reference are those of `ddpm eval`; both are made or measured now if they
/// are not in the cache. `config` must be complete, `dataset` must outlive what this gives.
/// `StopRequested`.
Evaluate make_training_evaluation(const Config& config, const Dataset& dataset,
                                  torch::Device device);

}  // namespace ddpm
