#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ddpm {

/// `count` pixels of `stored` bytes laid over white: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB,
/// alpha), as stb_image counts. Of 2 and 4 the alpha is gone.
std::vector<uint8_t> over_white(const uint8_t* pixels, size_t count, size_t stored);

}  // namespace ddpm
