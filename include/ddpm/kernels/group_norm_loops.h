#pragma once

#include <cstdint>

#include "ddpm/kernels/bfloat16_bits.h"

namespace ddpm {

/// One image of the fused group normalization: [pixels, channels] in memory, channels together.
struct GroupNormImage {
  int64_t pixels = 0;
  int64_t channels = 0;
  int64_t groups = 1;
  float eps = 1e-6F;
  bool silu = true;
  const float* shift = nullptr;   // [channels] or null
  const float* weight = nullptr;  // [channels]
  const float* bias = nullptr;    // [channels]
};

/// Mean and 1/std of each group of one image `x` [pixels, channels]. `T` is float or BFloat16Bits.
/// This and the functions below are built for AVX-512, AVX2 and plain x86-64; the machine's best is
/// taken when the program starts.
template <typename T>
void group_norm_statistics(const GroupNormImage& image, const T* x, float* mean, float* rstd);

/// Normalizes one image from `x` to `y`, both [pixels, channels], by its statistics.
template <typename T>
void group_norm_apply(const GroupNormImage& image, const T* x, const float* mean, const float* rstd,
                      T* y);

/// Gradients of one image from `dy`: `dx` [pixels, channels], and this image's share of those of
/// weight and bias, [channels] each. `dshift` [channels] may be null.
struct GroupNormGradients {
  float* weight = nullptr;
  float* bias = nullptr;
  float* shift = nullptr;
};
template <typename T>
void group_norm_backward(const GroupNormImage& image, const T* x, const T* dy, const float* mean,
                         const float* rstd, T* dx, const GroupNormGradients& gradients);

}  // namespace ddpm
