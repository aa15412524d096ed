#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// The test split of the data that `data` trains on, resized as they are; null if there is none.
std::unique_ptr<Dataset> open_test_split(DataConfig data);

/// The share of a dataset's images, without noise, whose class `classifier` tells right. It must
/// have been trained with the noise of `diffusion`, and lie on `device`; its parameters decide the
/// precision.
double test_accuracy(NetworkImpl& classifier, const DiffusionConfig& diffusion,
                     const Dataset& dataset, torch::Device device);

}  // namespace ddpm
