#pragma once

#include <cstdint>

#include "ddpm/kernels/bfloat16_bits.h"

namespace ddpm {

/// Factors of a step, the same for all numbers.
struct AdamFactors {
  float gradient = 1.0F;    // scale of the gradients
  float decay = 1.0F;       // of the weights, decoupled
  float l2 = 0.0F;          // share of the weights in their gradients
  float new_first = 0.0F;   // 1 - beta1
  float new_second = 0.0F;  // 1 - beta2
  float root = 1.0F;        // 1 / sqrt(1 - beta2^step)
  float eps = 1e-8F;
  float rate = 0.0F;     // lr / (1 - beta1^step)
  float new_ema = 0.0F;  // 1 - decay of the average
};

/// `count` numbers of each tensor; `bf16_weights` may be null.
struct AdamRange {
  float* weights = nullptr;
  float* exp_avg = nullptr;
  float* exp_avg_sq = nullptr;
  float* ema = nullptr;
  BFloat16Bits* bf16_weights = nullptr;
  int64_t count = 0;
};

/// Sum of squares. `T` is float or BFloat16Bits.
template <typename T>
double sum_of_squares(const T* values, int64_t count);

/// One step of the range from its gradients.
template <typename T>
void adam_range(const AdamRange& range, const T* gradients, const AdamFactors& factors);

}  // namespace ddpm
