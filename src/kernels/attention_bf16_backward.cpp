#include "ddpm/kernels/attention_bf16_loops.h"

#if defined(__x86_64__)

#include <algorithm>

#include "ddpm/kernels/attention_bf16_products.h"

namespace ddpm {
namespace {

using namespace bf16_products;

/// Lanes, rows and pairs of tokens of what the backward pass multiplies.
template <int kDim>
struct BackwardMatrices {
  Buffer<Pair> query_lanes;
  Buffer<Pair> dout_lanes;
  Buffer<Pair> out_lanes;
  Buffer<Pair> key_rows;
  Buffer<Pair> value_rows;
  Buffer<Pair> query_pairs;
  Buffer<Pair> dout_pairs;
  Buffer<Pair> key_pairs;
};

template <int kDim>
BackwardMatrices<kDim> gather_backward(const AttentionHead& head,
                                       const AttentionTensors<BFloat16Bits>& tensors) {
  const int64_t stride = 3 * head.head_stride;
  const Source queries{tensors.qkv, stride, head.tokens};
  const Source keys{tensors.qkv + head.head_stride, stride, head.tokens};
  const Source values{tensors.qkv + 2 * head.head_stride, stride, head.tokens};
  const Source douts{tensors.dout, head.head_stride, head.tokens};
  auto key_rows = gather_rows<kDim>(keys);
  auto key_pairs = pair_tokens<kDim>(key_rows, head.tokens);
  return {.query_lanes = gather_lanes<kDim>(queries),
          .dout_lanes = gather_lanes<kDim>(douts),
          .out_lanes = gather_lanes<kDim>({tensors.out, head.head_stride, head.tokens}),
          .key_rows = std::move(key_rows),
          .value_rows = gather_rows<kDim>(values),
          .query_pairs = pair_tokens<kDim>(gather_rows<kDim>(queries), head.tokens),
          .dout_pairs = pair_tokens<kDim>(gather_rows<kDim>(douts), head.tokens),
          .key_pairs = std::move(key_pairs)};
}

/// Attention weights and gradients of the scores for 16 queries, [tokens rounded up, 16 queries].
struct BlockScratch {
  Buffer<BFloat16Bits> weights;
  Buffer<BFloat16Bits> dscores;
};

/// What makes the scores of a block again.
struct BlockScalars {
  __m512 scale;
  __m512 log_sums;
  __m512 deltas;  // sums over channels of out * dout
};

template <int kDim>
DDPM_BF16_INLINE __m512 row_products(const Buffer<Pair>& a, const Buffer<Pair>& b, int64_t first,
                                     int64_t width) {
  __m512 sum = _mm512_setzero_ps();
  for (int c = 0; c < kDim / 2; ++c)
    sum = _mm512_dpbf16_ps(sum, load_lanes(a.data() + c * width + first),
                           load_lanes(b.data() + c * width + first));
  return sum;
}

/// Fills the scratch for the queries from `first` on, two keys at a time; the second of the last
/// two may be one that is none, whose row nobody reads.
template <int kDim>
DDPM_BF16 void score_gradients(const BackwardMatrices<kDim>& m, const BlockScalars& scalars,
                               int64_t first, int64_t tokens, const BlockScratch& scratch) {
  const int64_t width = padded(tokens);
  __m512bh q[kDim / 2];
  __m512bh dout[kDim / 2];
  load_columns<kDim>(m.query_lanes.data() + first, width, q);
  load_columns<kDim>(m.dout_lanes.data() + first, width, dout);
  const __m512 minus_deltas = _mm512_sub_ps(_mm512_setzero_ps(), scalars.deltas);
  for (int64_t j = 0; j < tokens; j += 2) {
    __m512 weights[2];
    __m512 dscores[2];
    for (int i = 0; i < 2; ++i) {
      const int64_t row = (j + i) * kDim / 2;
      weights[i] =
          attention_weight<kDim>(q, m.key_rows.data() + row, scalars.scale, scalars.log_sums);
      const __m512 gradient = dot<kDim>(dout, m.value_rows.data() + row, minus_deltas);
      dscores[i] = _mm512_mul_ps(weights[i], gradient);
    }
    _mm512_store_si512(scratch.weights.data() + j * kLanes, join_halves(weights[0], weights[1]));
    _mm512_store_si512(scratch.dscores.data() + j * kLanes, join_halves(dscores[0], dscores[1]));
  }
}

template <int kDim>
DDPM_BF16 void query_gradients(const BackwardMatrices<kDim>& m, const AttentionHead& head,
                               int64_t first, const BlockScratch& scratch, BFloat16Bits* dqueries) {
  __m512 columns[kDim];
  clear<kDim>(columns);
  for (int64_t j = 0; j < head.tokens; j += 2) {
    __m512i halves = _mm512_load_si512(scratch.dscores.data() + j * kLanes);
    if (j + 1 == head.tokens) halves = _mm512_maskz_mov_epi16(0xFFFF, halves);
    add_pairs<kDim>(pair_halves(halves), m.key_pairs.data() + j / 2 * kDim, columns);
  }
  const __m512 scale = _mm512_set1_ps(head.scale);
  for (int c = 0; c < kDim; ++c)
    columns[c] = _mm512_mul_ps(columns[c], scale);
  const int64_t stride = 3 * head.head_stride;
  scatter_columns<kDim>(columns, head.tokens - first, dqueries + first * stride, stride);
}

/// Channels of one token as lanes.
template <int kDim>
struct Row;

template <>
struct Row<8> {
  using Sums = __m256;
  using Pairs = __m256bh;
  static DDPM_BF16_INLINE Sums load(const float* from) { return _mm256_load_ps(from); }
  static DDPM_BF16_INLINE void store(float* to, Sums sums) { _mm256_store_ps(to, sums); }
  static DDPM_BF16_INLINE Pairs load_pairs(const Pair* from) {
    return reinterpret_cast<Pairs>(_mm256_load_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static DDPM_BF16_INLINE Sums add(Sums sums, Pair factors, Pairs channels) {
    const auto all = reinterpret_cast<Pairs>(_mm256_set1_epi32(static_cast<int>(factors)));
    return _mm256_dpbf16_ps(sums, all, channels);
  }
  static DDPM_BF16_INLINE void write(const float* from, float factor, BFloat16Bits* to) {
    const __m256 scaled = _mm256_mul_ps(_mm256_load_ps(from), _mm256_set1_ps(factor));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     reinterpret_cast<__m128i>(_mm256_cvtneps_pbh(scaled)));
  }
};

template <>
struct Row<16> {
  using Sums = __m512;
  using Pairs = __m512bh;
  static DDPM_BF16_INLINE Sums load(const float* from) { return _mm512_load_ps(from); }
  static DDPM_BF16_INLINE void store(float* to, Sums sums) { _mm512_store_ps(to, sums); }
  static DDPM_BF16_INLINE Pairs load_pairs(const Pair* from) { return load_lanes(from); }
  static DDPM_BF16_INLINE Sums add(Sums sums, Pair factors, Pairs channels) {
    return _mm512_dpbf16_ps(sums, shared(factors), channels);
  }
  static DDPM_BF16_INLINE void write(const float* from, float factor, BFloat16Bits* to) {
    const __m512 scaled = _mm512_mul_ps(_mm512_load_ps(from), _mm512_set1_ps(factor));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(scaled)));
  }
};

/// sums[j] += what the block's 16 queries give to key j: factors [tokens, 16 queries] times their
/// channels, which are pairs of queries.
template <int kDim>
DDPM_BF16 void add_key_gradients(const BFloat16Bits* factors, const Pair* queries, int64_t tokens,
                                 float* sums) {
  using R = Row<kDim>;
  typename R::Pairs channels[kPairs];
  for (int i = 0; i < kPairs; ++i)
    channels[i] = R::load_pairs(queries + i * kDim);
  for (int64_t j = 0; j < tokens; ++j) {
    auto row = R::load(sums + j * kDim);
    for (int i = 0; i < kPairs; ++i)
      row = R::add(row, load_pair(factors + j * kLanes + 2 * i), channels[i]);
    R::store(sums + j * kDim, row);
  }
}

template <int kDim>
DDPM_BF16 void backward(const AttentionHead& head, const AttentionTensors<BFloat16Bits>& tensors,
                        BFloat16Bits* dqkv) {
  const int64_t width = padded(head.tokens);
  const auto m = gather_backward<kDim>(head, tensors);
  const BlockScratch scratch{Buffer<BFloat16Bits>(width * kLanes),
                             Buffer<BFloat16Bits>(width * kLanes)};
  const Buffer<float> dkeys(width * kDim);
  const Buffer<float> dvalues(width * kDim);
  std::fill_n(dkeys.data(), width * kDim, 0.0F);
  std::fill_n(dvalues.data(), width * kDim, 0.0F);
  for (int64_t first = 0; first < head.tokens; first += kLanes) {
    const auto used = static_cast<__mmask16>(
        head.tokens - first >= kLanes ? 0xFFFF : (1 << (head.tokens - first)) - 1);
    const BlockScalars scalars{
        .scale = _mm512_set1_ps(kLog2E * head.scale),
        .log_sums = _mm512_maskz_loadu_ps(used, tensors.log_sums + first),
        .deltas = row_products<kDim>(m.out_lanes, m.dout_lanes, first, width)};
    score_gradients<kDim>(m, scalars, first, head.tokens, scratch);
    query_gradients<kDim>(m, head, first, scratch, dqkv);
    add_key_gradients<kDim>(scratch.dscores.data(), m.query_pairs.data() + first / 2 * kDim,
                            head.tokens, dkeys.data());
    add_key_gradients<kDim>(scratch.weights.data(), m.dout_pairs.data() + first / 2 * kDim,
                            head.tokens, dvalues.data());
  }
  for (int64_t t = 0; t < head.tokens; ++t) {
    BFloat16Bits* const row = dqkv + t * 3 * head.head_stride;
    Row<kDim>::write(dkeys.data() + t * kDim, head.scale, row + head.head_stride);
    Row<kDim>::write(dvalues.data() + t * kDim, 1.0F, row + 2 * head.head_stride);
  }
}

}  // namespace

void attention_backward_bf16(const AttentionHead& head,
                             const AttentionTensors<BFloat16Bits>& tensors, BFloat16Bits* dqkv) {
  head.head_dim == 8 ? backward<8>(head, tensors, dqkv) : backward<16>(head, tensors, dqkv);
}

}  // namespace ddpm

#else

namespace ddpm {

void attention_backward_bf16(const AttentionHead& head,
                             const AttentionTensors<BFloat16Bits>& tensors, BFloat16Bits* dqkv) {
  attention_backward(head, tensors, dqkv);
}

}  // namespace ddpm

#endif
