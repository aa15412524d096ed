#pragma once

#include <torch/types.h>

#include "ddpm/model/precision.h"
#include "ddpm/model/unet.h"
#include "tests/support/golden.h"

namespace ddpm {

/// A `tiny_model` with random weights, the same every time.
inline Network random_unet(Precision precision = Precision::kFloat32) {
  UNet unet(tiny_model());
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  for (auto& parameter : unet->parameters())
    parameter.normal_(0, 0.1);
  convert_parameters(*unet, precision);
  unet->eval();
  return unet.ptr();
}

}  // namespace ddpm
