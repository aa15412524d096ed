#pragma once

#include <cstdint>

namespace ddpm {

/// What one image costs in one forward pass.
struct Cost {
  /// Multiply-adds of convolutions, linear layers and attention's two matrix products.
  int64_t macs = 0;
  /// Numbers that training keeps for the backward pass on the CPU.
  int64_t activations = 0;

  Cost& operator+=(const Cost& other) {
    macs += other.macs;
    activations += other.activations;
    return *this;
  }
};

}  // namespace ddpm
