#pragma once

#include <torch/types.h>

namespace ddpm {

/// The point at `share`, 0 ... 1, of the way from one noise to another, along the great circle
/// through both (Shoemake, "Animating rotation with quaternion curves", 1985): what lies between
/// two draws of a high-dimensional normal distribution keeps their length, and so looks like noise
/// to a network, which a plain average does not.
///
/// sin((1 - a) w) / sin w from + sin(a w) / sin w to, with w the angle between them, of tensors of
/// any shape but the same, each taken as one vector. Straight where that angle is 0 or pi.
torch::Tensor slerp(const torch::Tensor& from, const torch::Tensor& to, double share);

}  // namespace ddpm
