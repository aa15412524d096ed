#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/eval/inception.h"

namespace ddpm {

/// Number `index` of tensor `key`, in [-1, 1): a hash, as in tests/reference/inception_weights.py.
inline double formula_number(uint32_t key, uint32_t index) {
  uint32_t x = index * 0x9E3779B1U + key * 0x85EBCA77U;
  x = (x ^ x >> 16) * 0x7FEB352DU;
  x = (x ^ x >> 15) * 0x846CA68BU;
  x ^= x >> 16;
  return static_cast<double>(x) * 0x1p-31 - 1.0;
}

/// Middle and half width of a tensor's values.
inline std::pair<double, double> formula_range(const std::string& name,
                                               const std::vector<int64_t>& shape) {
  if (name.ends_with("conv.weight")) {
    return {0.0, std::sqrt(7.5 / static_cast<double>(shape[1] * shape[2] * shape[3]))};
  }
  if (name == "fc.weight") return {0.0, 0.125};
  if (name.ends_with("bn.weight")) return {1.0, 0.25};
  if (name.ends_with("bn.bias")) return {-0.25, 0.25};
  if (name.ends_with("running_var")) return {1.0, 0.5};
  return {0.0, 0.25};
}

/// Weights for FID's Inception by a formula, so that no file of weights is needed.
inline NamedTensors formula_weights() {
  NamedTensors weights;
  uint32_t key = 0;
  for (const auto& [name, shape] : Inception::parameters()) {
    const auto [middle, width] = formula_range(name, shape);
    auto tensor = torch::empty(shape, torch::kFloat32);
    auto* const values = tensor.data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      values[i] =
          static_cast<float>(middle + width * formula_number(key, static_cast<uint32_t>(i)));
    }
    weights.emplace(name, tensor);
    ++key;
  }
  return weights;
}

}  // namespace ddpm
