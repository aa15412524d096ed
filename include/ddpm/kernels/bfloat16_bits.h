#pragma once

#include <cstdint>

namespace ddpm {

/// Raw bits of a bfloat16.
enum class BFloat16Bits : uint16_t {};

}  // namespace ddpm
