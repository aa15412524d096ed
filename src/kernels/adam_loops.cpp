#include "ddpm/kernels/adam_loops.h"

#include <cmath>

#include "ddpm/kernels/vector_math.h"

namespace ddpm {
namespace {

template <typename T>
DDPM_INLINE double squares_of(const T* values, int64_t count) {
  constexpr int kSums = 16;
  constexpr int64_t kBlock = 1024;  // float sums of so few terms keep their digits
  double total = 0.0;
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t end = first + kBlock < count ? first + kBlock : count;
    float sums[kSums] = {};
    int64_t i = first;
    for (; i + kSums <= end; i += kSums) {
      for (int k = 0; k < kSums; ++k) {
        const float value = load(values[i + k]);
        sums[k] += value * value;
      }
    }
    for (; i < end; ++i)
      sums[0] += load(values[i]) * load(values[i]);
    for (const float sum : sums)
      total += sum;
  }
  return total;
}

/// `factors` by value: the stores might change numbers behind a reference.
template <bool kHasCopy, typename T>
DDPM_INLINE void step_of(const AdamRange& range, const T* __restrict gradients,
                         const AdamFactors f) {
  float* __restrict weights = range.weights;
  float* __restrict exp_avg = range.exp_avg;
  float* __restrict exp_avg_sq = range.exp_avg_sq;
  float* __restrict ema = range.ema;
  BFloat16Bits* __restrict copy = range.bf16_weights;
  const int64_t count = range.count;
  DDPM_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) {
    const float g = f.gradient * load(gradients[i]) + f.l2 * weights[i];
    const float m = exp_avg[i] + f.new_first * (g - exp_avg[i]);
    const float v = exp_avg_sq[i] + f.new_second * (g * g - exp_avg_sq[i]);
    const float w = f.decay * weights[i] - f.rate * m / (std::sqrt(v) * f.root + f.eps);
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    weights[i] = w;
    ema[i] += f.new_ema * (w - ema[i]);
    if (kHasCopy) store(copy[i], w);
  }
}

// One function for each loop and type, cloned for each instruction set.
#define DDPM_CLONED_LOOPS(T)                                                                     \
  DDPM_SIMD_CLONES double squares(const T* values, int64_t count) {                              \
    return squares_of(values, count);                                                            \
  }                                                                                              \
  DDPM_SIMD_CLONES void step(const AdamRange& range, const T* gradients, const AdamFactors& f) { \
    step_of<false>(range, gradients, f);                                                         \
  }                                                                                              \
  DDPM_SIMD_CLONES void step_and_cast(const AdamRange& range, const T* gradients,                \
                                      const AdamFactors& f) {                                    \
    step_of<true>(range, gradients, f);                                                          \
  }
DDPM_CLONED_LOOPS(float)
DDPM_CLONED_LOOPS(BFloat16Bits)

}  // namespace

template <typename T>
double sum_of_squares(const T* values, int64_t count) {
  return squares(values, count);
}

template <typename T>
void adam_range(const AdamRange& range, const T* gradients, const AdamFactors& factors) {
  range.bf16_weights == nullptr ? step(range, gradients, factors)
                                : step_and_cast(range, gradients, factors);
}

template double sum_of_squares(const float*, int64_t);
template double sum_of_squares(const BFloat16Bits*, int64_t);
template void adam_range(const AdamRange&, const float*, const AdamFactors&);
template void adam_range(const AdamRange&, const BFloat16Bits*, const AdamFactors&);

}  // namespace ddpm
