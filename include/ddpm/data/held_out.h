#pragma once

#include <memory>
#include <string>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// What held-out images are for, which decides where `data.held_out` is auto: `val` comes first in
/// training, so that `test` stays unseen, and `test` in evaluations.
enum class HeldOutUse { kTraining, kEvaluation };

/// Images that a model was not trained on.
struct HeldOutImages {
  std::string split;
  std::unique_ptr<Dataset> images;  // null if there are none
};

/// Opens the held-out split of the data that `data` trains on, resized as its images are. None if
/// `data` trains on another split than `train`, or has no other. A split that cannot be read is
/// told as a warning, and passed over.
HeldOutImages open_held_out(DataConfig data, HeldOutUse use);

}  // namespace ddpm
