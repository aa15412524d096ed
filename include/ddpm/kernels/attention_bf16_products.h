#pragma once

// Pieces of the bfloat16 attention that both of its passes are made of. For x86-64 only.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numbers>

#include <immintrin.h>

#include "ddpm/kernels/bfloat16_bits.h"

// For each function that uses the instructions: the files themselves are compiled for any x86-64.
#define DDPM_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define DDPM_BF16_INLINE inline __attribute__((always_inline)) DDPM_BF16

// A bfloat16 product takes 16 pairs of numbers, multiplies them with 16 others, and adds both
// products of a pair to a float32 sum. Here a lane, and so a pair, belongs to a query, and the
// other factor is shared by all lanes; for the gradients of keys and values a lane is a channel.
namespace ddpm::bf16_products {

using Pair = uint32_t;  // two bfloat16, the first in the low half

inline constexpr int64_t kLanes = 16;
inline constexpr int64_t kPairs = kLanes / 2;
inline constexpr float kLog2E = std::numbers::log2e_v<float>;

inline int64_t padded(int64_t tokens) {
  return (tokens + kLanes - 1) / kLanes * kLanes;
}

/// Memory at multiples of 64 bytes.
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t count)
      : data_(static_cast<T*>(
            std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64))) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  T* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(T* data) const { std::free(data); }
  };
  std::unique_ptr<T, Free> data_;
};

inline Pair load_pair(const BFloat16Bits* from) {
  Pair pair = 0;
  std::memcpy(&pair, from, sizeof(pair));
  return pair;
}

/// A matrix of one head in the arrangements that the products want; rows beyond the last token are
/// zero. `from` is the head's first element, `stride` the distance of tokens.
struct Source {
  const BFloat16Bits* from;
  int64_t stride;
  int64_t tokens;
};

/// [width, kDim / 2]: token after token, pairs of channels.
template <int kDim>
Buffer<Pair> gather_rows(const Source& source) {
  const int64_t width = padded(source.tokens);
  Buffer<Pair> rows(width * kDim / 2);
  Pair* const to = rows.data();
  for (int64_t t = 0; t < source.tokens; ++t)
    std::memcpy(to + t * kDim / 2, source.from + t * source.stride, kDim * sizeof(BFloat16Bits));
  std::fill(to + source.tokens * kDim / 2, to + width * kDim / 2, Pair{0});
  return rows;
}

/// [kDim / 2, width]: the same pairs, tokens side by side.
template <int kDim>
Buffer<Pair> gather_lanes(const Source& source) {
  const int64_t width = padded(source.tokens);
  Buffer<Pair> lanes(width * kDim / 2);
  Pair* const to = lanes.data();
  for (int64_t t = 0; t < source.tokens; ++t) {
    const BFloat16Bits* const row = source.from + t * source.stride;
    for (int c = 0; c < kDim / 2; ++c)
      to[c * width + t] = load_pair(row + 2 * c);
  }
  for (int c = 0; c < kDim / 2; ++c)
    std::fill(to + c * width + source.tokens, to + (c + 1) * width, Pair{0});
  return lanes;
}

/// [width / 2, kDim]: for each channel the pair of two tokens that follow each other, from rows.
template <int kDim>
Buffer<Pair> pair_tokens(const Buffer<Pair>& rows, int64_t tokens) {
  const int64_t width = padded(tokens);
  Buffer<Pair> pairs(width / 2 * kDim);
  for (int64_t t = 0; t < width / 2; ++t) {
    const Pair* const first = rows.data() + t * kDim;
    const Pair* const second = first + kDim / 2;
    Pair* const to = pairs.data() + t * kDim;
    for (int c = 0; c < kDim / 2; ++c) {
      to[2 * c] = (first[c] & 0xFFFFU) | (second[c] << 16);
      to[2 * c + 1] = (first[c] >> 16) | (second[c] & 0xFFFF0000U);
    }
  }
  return pairs;
}

DDPM_BF16_INLINE __m512bh load_lanes(const Pair* from) {
  return reinterpret_cast<__m512bh>(_mm512_load_si512(from));
}

DDPM_BF16_INLINE __m512bh shared(Pair pair) {
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(pair)));
}

template <int kDim>
DDPM_BF16_INLINE void load_columns(const Pair* from, int64_t width, __m512bh (&columns)[kDim / 2]) {
  for (int c = 0; c < kDim / 2; ++c)
    columns[c] = load_lanes(from + c * width);
}

/// Products of 16 queries' columns with one row.
template <int kDim>
DDPM_BF16_INLINE __m512 dot(const __m512bh (&columns)[kDim / 2], const Pair* row, __m512 sum) {
  for (int c = 0; c < kDim / 2; ++c)
    sum = _mm512_dpbf16_ps(sum, columns[c], shared(row[c]));
  return sum;
}

/// 2^x within 8e-5 of itself, a twentieth of what rounding to bfloat16 costs.
DDPM_BF16_INLINE __m512 exp2(__m512 x) {
  constexpr int kFraction = 0x01;  // x - floor(x)
  const __m512 r = _mm512_reduce_ps(x, kFraction);
  __m512 p = _mm512_set1_ps(0.0780245065F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.226067178F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.695833533F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.999925219F));
  return _mm512_scalef_ps(p, x);  // times 2^floor(x)
}

/// log2 within 4e-6 for positive numbers.
DDPM_BF16_INLINE __m512 log2(__m512 x) {
  const __m512 u = _mm512_sub_ps(_mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src),
                                 _mm512_set1_ps(1.0F));
  __m512 p = _mm512_set1_ps(-0.0264573489F);
  p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.123451191F));
  p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(-0.279537814F));
  p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.458270644F));
  p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(-0.718281884F));
  p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(1.44255314F));
  return _mm512_fmadd_ps(p, u, _mm512_getexp_ps(x));
}

/// 2^(scale q k - offset) for 16 queries and one key.
template <int kDim>
DDPM_BF16_INLINE __m512 attention_weight(const __m512bh (&q)[kDim / 2], const Pair* key,
                                         __m512 scale, __m512 offset) {
  const __m512 score = dot<kDim>(q, key, _mm512_setzero_ps());
  return exp2(_mm512_fmsub_ps(score, scale, offset));
}

/// Both rounded to bfloat16, `low` in the lower half of the vector.
DDPM_BF16_INLINE __m512i join_halves(__m512 low, __m512 high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

/// Turns the halves of `join_halves` into pairs: lane i holds number i of both.
DDPM_BF16_INLINE __m512i pair_halves(__m512i halves) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, halves);
}

DDPM_BF16_INLINE __m512bh as_bf16(__m512i bits) {
  return reinterpret_cast<__m512bh>(bits);
}

template <int kDim>
DDPM_BF16_INLINE void clear(__m512 (&columns)[kDim]) {
  for (int c = 0; c < kDim; ++c)
    columns[c] = _mm512_setzero_ps();
}

/// Adds products of pairs of tokens, lane by lane, with the same tokens' channels.
template <int kDim>
DDPM_BF16_INLINE void add_pairs(__m512i factors, const Pair* channels, __m512 (&columns)[kDim]) {
  for (int c = 0; c < kDim; ++c)
    columns[c] = _mm512_dpbf16_ps(columns[c], as_bf16(factors), shared(channels[c]));
}

/// Writes the columns of up to 16 tokens, rounded to bfloat16.
template <int kDim>
DDPM_BF16_INLINE void scatter_columns(const __m512 (&columns)[kDim], int64_t tokens,
                                      BFloat16Bits* to, int64_t stride) {
  alignas(64) Pair pairs[kDim / 2][kLanes];
  for (int c = 0; c < kDim / 2; ++c)
    _mm512_store_si512(pairs[c], pair_halves(join_halves(columns[2 * c], columns[2 * c + 1])));
  for (int64_t t = 0; t < std::min(tokens, kLanes); ++t)
    for (int c = 0; c < kDim / 2; ++c)
      std::memcpy(to + t * stride + 2 * c, &pairs[c][t], sizeof(Pair));
}

}  // namespace ddpm::bf16_products
