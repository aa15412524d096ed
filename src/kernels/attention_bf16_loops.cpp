#include "ddpm/kernels/attention_bf16_loops.h"

#if defined(__x86_64__)

#include <cmath>

#include "ddpm/kernels/attention_bf16_products.h"

namespace ddpm {
namespace {

using namespace bf16_products;

/// Scores, as powers of 2, up to which exponentials and their sums are safe as they are.
constexpr float kSafeScore = 60.0F;

/// Largest sum of squares of a row.
template <int kDim>
DDPM_BF16 float largest_square(const Pair* lanes, int64_t width) {
  __m512 largest = _mm512_setzero_ps();
  for (int64_t t = 0; t < width; t += kLanes) {
    __m512 sum = _mm512_setzero_ps();
    for (int c = 0; c < kDim / 2; ++c) {
      const __m512bh column = load_lanes(lanes + c * width + t);
      sum = _mm512_dpbf16_ps(sum, column, column);
    }
    largest = _mm512_max_ps(largest, sum);
  }
  return _mm512_reduce_max_ps(largest);
}

/// The largest score of each query, for scores that may be too large to be exponents.
template <int kDim>
DDPM_BF16_INLINE __m512 largest_scores(const __m512bh (&q)[kDim / 2], const Pair* keys,
                                       int64_t tokens) {
  __m512 largest = _mm512_set1_ps(-3e38F);
  for (int64_t j = 0; j < tokens; ++j)
    largest = _mm512_max_ps(largest, dot<kDim>(q, keys + j * kDim / 2, _mm512_setzero_ps()));
  return largest;
}

struct ForwardMatrices {
  const Pair* queries;  // lanes
  const Pair* keys;     // rows
  const Pair* values;   // pairs of tokens
  int64_t tokens;
  float scale;  // of the scores, times log2 e: all exponentials are powers of 2
  bool safe;    // no score is beyond kSafeScore
};

/// 16 queries from `first` on: attended values to `out`, log2 of the sums to `log_sums`.
template <int kDim>
DDPM_BF16 void forward_block(const ForwardMatrices& m, int64_t first, BFloat16Bits* out,
                             int64_t out_stride, float* log_sums) {
  __m512bh q[kDim / 2];
  load_columns<kDim>(m.queries + first, padded(m.tokens), q);
  const __m512 scale = _mm512_set1_ps(m.scale);
  const __m512 offset = m.safe ? _mm512_setzero_ps()
                               : _mm512_mul_ps(scale, largest_scores<kDim>(q, m.keys, m.tokens));
  __m512 sum = _mm512_setzero_ps();
  __m512 columns[kDim];
  clear<kDim>(columns);
  int64_t j = 0;
  for (; j + 1 < m.tokens; j += 2) {
    const __m512 low = attention_weight<kDim>(q, m.keys + j * kDim / 2, scale, offset);
    const __m512 high = attention_weight<kDim>(q, m.keys + (j + 1) * kDim / 2, scale, offset);
    sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
    add_pairs<kDim>(pair_halves(join_halves(low, high)), m.values + j / 2 * kDim, columns);
  }
  if (j < m.tokens) {
    const __m512 low = attention_weight<kDim>(q, m.keys + j * kDim / 2, scale, offset);
    sum = _mm512_add_ps(sum, low);
    add_pairs<kDim>(pair_halves(join_halves(low, _mm512_setzero_ps())), m.values + j / 2 * kDim,
                    columns);
  }
  for (int c = 0; c < kDim; ++c)
    columns[c] = _mm512_div_ps(columns[c], sum);
  scatter_columns<kDim>(columns, m.tokens - first, out + first * out_stride, out_stride);
  const auto used =
      static_cast<__mmask16>(m.tokens - first >= kLanes ? 0xFFFF : (1 << (m.tokens - first)) - 1);
  _mm512_mask_storeu_ps(log_sums + first, used, _mm512_add_ps(offset, log2(sum)));
}

template <int kDim>
DDPM_BF16 void forward(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                       float* log_sums) {
  const int64_t stride = 3 * head.head_stride;
  const int64_t width = padded(head.tokens);
  const Source keys{qkv + head.head_stride, stride, head.tokens};
  const Source values{qkv + 2 * head.head_stride, stride, head.tokens};
  const auto query_lanes = gather_lanes<kDim>({qkv, stride, head.tokens});
  const auto key_lanes = gather_lanes<kDim>(keys);
  const auto key_rows = gather_rows<kDim>(keys);
  const auto value_pairs = pair_tokens<kDim>(gather_rows<kDim>(values), head.tokens);
  const float scale = kLog2E * head.scale;
  const float bound = scale * std::sqrt(largest_square<kDim>(query_lanes.data(), width) *
                                        largest_square<kDim>(key_lanes.data(), width));
  const ForwardMatrices matrices{.queries = query_lanes.data(),
                                 .keys = key_rows.data(),
                                 .values = value_pairs.data(),
                                 .tokens = head.tokens,
                                 .scale = scale,
                                 .safe = bound < kSafeScore};
  for (int64_t first = 0; first < head.tokens; first += kLanes)
    forward_block<kDim>(matrices, first, out, head.head_stride, log_sums);
}

}  // namespace

bool has_bf16_products() {
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

void attention_forward_bf16(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                            float* log_sums) {
  head.head_dim == 8 ? forward<8>(head, qkv, out, log_sums) : forward<16>(head, qkv, out, log_sums);
}

}  // namespace ddpm

#else

namespace ddpm {

bool has_bf16_products() {
  return false;
}

void attention_forward_bf16(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                            float* log_sums) {
  attention_forward(head, qkv, out, log_sums);
}

}  // namespace ddpm

#endif
