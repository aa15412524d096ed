#pragma once

#include <cstdint>

namespace ddpm {

/// A pixel of 8 bits in [-1, 1], as networks see it: b (2 / 255) - 1.
constexpr float pixel_to_unit(uint8_t pixel) {
  return static_cast<float>(pixel) * (2.0F / 255.0F) - 1.0F;
}

}  // namespace ddpm
