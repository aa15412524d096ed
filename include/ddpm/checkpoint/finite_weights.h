#pragma once

#include <string>

#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// `CheckpointError` starting with `origin` that names the first of the tensors which holds a NaN
/// or an infinity: no network computes with such weights.
void check_finite_weights(const NamedTensors& tensors, const std::string& origin);

}  // namespace ddpm
