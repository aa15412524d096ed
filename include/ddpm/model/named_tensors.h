#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <torch/types.h>

namespace ddpm {

/// Named tensors, in the order of their names.
using NamedTensors = std::map<std::string, torch::Tensor>;

/// How many numbers they hold together.
uint64_t count_numbers(const NamedTensors& tensors);

}  // namespace ddpm
