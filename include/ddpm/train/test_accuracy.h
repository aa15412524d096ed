#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/sample/noisy_classifier.h"

namespace ddpm {

/// The test split of the data that `data` trains on, resized as they are; null if there is none.
std::unique_ptr<Dataset> open_test_split(DataConfig data);

/// The share of a dataset's images, without noise, whose class the classifier tells right. The
/// network's parameters decide the precision.
double test_accuracy(NoisyClassifier& classifier, const Dataset& dataset);

}  // namespace ddpm
