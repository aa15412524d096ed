#pragma once

#include <cstdint>

#include <torch/types.h>

namespace ddpm {

/// `size` different numbers below `count` in random order, int64 on the CPU: subset `index` of a
/// seed. `DataError` if there are fewer than `size`.
torch::Tensor random_subset(uint64_t seed, uint64_t index, int64_t count, int64_t size);

}  // namespace ddpm
