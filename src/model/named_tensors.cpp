#include "ddpm/model/named_tensors.h"

#include <torch/types.h>

namespace ddpm {

uint64_t count_numbers(const NamedTensors& tensors) {
  uint64_t numbers = 0;
  for (const auto& [name, tensor] : tensors)
    numbers += static_cast<uint64_t>(tensor.numel());
  return numbers;
}

}  // namespace ddpm
