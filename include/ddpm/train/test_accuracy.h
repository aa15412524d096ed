#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// The share of a dataset's images, without noise, whose class `classifier` tells right. It must
/// have been trained with the noise of `diffusion`, and lie on `device`; its parameters decide the
/// precision.
double test_accuracy(NetworkImpl& classifier, const DiffusionConfig& diffusion,
                     const Dataset& dataset, torch::Device device);

}  // namespace ddpm
