#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ddpm {

/// The product of the extents; nothing if one is negative, or if those that are not 0 have a
/// product above 2^62: what is computed from them, such as strides, does not overflow either.
inline std::optional<uint64_t> checked_product(const std::vector<int64_t>& extents) {
  uint64_t product = 1;
  bool is_empty = false;
  for (const int64_t extent : extents) {
    is_empty = is_empty || extent == 0;
    const uint64_t factor = extent == 0 ? 1 : static_cast<uint64_t>(extent);
    if (extent < 0 || __builtin_mul_overflow(product, factor, &product) ||
        product > uint64_t{1} << 62) {
      return std::nullopt;
    }
  }
  return is_empty ? 0 : product;
}

}  // namespace ddpm
