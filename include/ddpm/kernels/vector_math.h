#pragma once

#include <bit>
#include <cstdint>

#include "ddpm/kernels/bfloat16_bits.h"

// The compiler writes a function with DDPM_SIMD_CLONES once for each of these; the loader takes the
// machine's best.
#if defined(__x86_64__)
#define DDPM_SIMD_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DDPM_SIMD_CLONES
#endif
// Before a loop: no pass reads what another one writes. Without it the compiler tests at run time
// whether the arrays overlap, takes two that touch for such, and then runs plain instructions that
// round otherwise, so that the result would depend on where the allocator put the arrays.
#if defined(__GNUC__) && !defined(__clang__)
#define DDPM_INDEPENDENT _Pragma("GCC ivdep")
#else
#define DDPM_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#endif
#define DDPM_ALWAYS __attribute__((always_inline))
#define DDPM_INLINE inline DDPM_ALWAYS

/// Elementary functions for loops that the compiler turns into vector instructions. No branches,
/// and inlined, so that they are compiled for the instructions of the loop that calls them.
namespace ddpm {

DDPM_INLINE float load(float x) {
  return x;
}

DDPM_INLINE float load(BFloat16Bits x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x) << 16);
}

DDPM_INLINE void store(float& out, float x) {
  out = x;
}

/// Rounds to the nearest, ties to even; NaN stays NaN.
DDPM_INLINE void store(BFloat16Bits& out, float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  out = static_cast<BFloat16Bits>(x == x ? rounded : 0x7FC0U);
}

/// e^x within 2 units in the last place for x in [-60, 60], the value at the end beyond: 2^k times
/// a polynomial on [-ln 2 / 2, ln 2 / 2] (Taylor to the sixth power).
DDPM_INLINE float fast_exp(float x) {
  // Wider bounds would let sigmoids times something become denormal, which costs dearly.
  const float above = x < -60.0F ? -60.0F : x;
  const float clamped = 60.0F < above ? 60.0F : above;
  const float shifted = clamped * 1.44269504F + 12582912.0F;  // rounds k into the low bits
  const float k = shifted - 12582912.0F;
  const float r = (clamped - k * 0.693359375F) + k * 2.12194440e-4F;
  float p = r * (1.0F / 720.0F) + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) - 0x4B400000U + 127U) << 23;
  return p * std::bit_cast<float>(power);
}

/// 1 / x for x from 1 to 1e37, within 2 units in the last place: a guess from the bits, and three
/// steps of Newton. Several times quicker than a division of vectors.
DDPM_INLINE float fast_reciprocal(float x) {
  float r = std::bit_cast<float>(0x7EF311C3U - std::bit_cast<uint32_t>(x));
  r = r * (2.0F - x * r);
  r = r * (2.0F - x * r);
  return r + r * (1.0F - x * r);
}

DDPM_INLINE float sigmoid(float x) {
  return fast_reciprocal(1.0F + fast_exp(-x));
}

}  // namespace ddpm
