#include "ddpm/kernels/attention_bf16_loops.h"

#if defined(__x86_64__)

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numbers>

#include <immintrin.h>

// For each function that uses the instructions: the file itself is compiled for any x86-64.
#define DDPM_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define DDPM_BF16_INLINE inline __attribute__((always_inline)) DDPM_BF16

// A bfloat16 product takes 16 pairs of numbers, multiplies them with 16 others, and adds both
// products of a pair to a float32 sum. Here a lane, and so a pair, belongs to a query, and the
// other factor is shared by all lanes; for the gradients of keys and values a lane is a channel.
namespace ddpm {
namespace {

using Pair = uint32_t;  // two bfloat16, the first in the low half

constexpr int64_t kLanes = 16;
constexpr int64_t kPairs = kLanes / 2;
constexpr float kLog2E = std::numbers::log2e_v<float>;
/// Scores, as powers of 2, up to which exponentials and their sums are safe as they are.
constexpr float kSafeScore = 60.0F;

int64_t padded(int64_t tokens) {
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

Pair load_pair(const BFloat16Bits* from) {
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

bool has_bf16_products() {
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

void attention_forward_bf16(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                            float* log_sums) {
  head.head_dim == 8 ? forward<8>(head, qkv, out, log_sums) : forward<16>(head, qkv, out, log_sums);
}

void attention_backward_bf16(const AttentionHead& head,
                             const AttentionTensors<BFloat16Bits>& tensors, BFloat16Bits* dqkv) {
  head.head_dim == 8 ? backward<8>(head, tensors, dqkv) : backward<16>(head, tensors, dqkv);
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

void attention_backward_bf16(const AttentionHead& head,
                             const AttentionTensors<BFloat16Bits>& tensors, BFloat16Bits* dqkv) {
  attention_backward(head, tensors, dqkv);
}

}  // namespace ddpm

#endif
