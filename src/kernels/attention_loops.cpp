// Compiled once for each instruction set; see Highway's foreach_target.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention_loops.cpp"
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "ddpm/kernels/attention_loops.h"

// A lane of a vector is a query (or, for the gradients of keys and values, a key). The other side
// is walked token by token, as scalars that every lane shares, so nothing is summed across lanes.
#ifndef DDPM_ATTENTION_MATRICES
#define DDPM_ATTENTION_MATRICES
namespace ddpm {

/// A matrix of one head: by token, [tokens, head_dim], and by lane, [head_dim, width], where
/// `width` is `tokens` rounded up to a multiple of any vector's lanes.
struct MatrixView {
  const float* rows = nullptr;
  const float* lanes = nullptr;
};

struct ForwardMatrices {
  MatrixView queries;  // times the scale, and log2 e: all exponentials are powers of 2
  MatrixView keys;
  MatrixView values;
  int64_t tokens = 0;
  int64_t width = 0;
  float* scratch = nullptr;  // [tokens, kMostLanes]
  float* out = nullptr;      // [head_dim, width]
  float* maximum = nullptr;  // [width], of each row's scores
  float* sum = nullptr;      // [width], of their exponentials
};

struct BackwardMatrices {
  MatrixView queries;
  MatrixView keys;
  MatrixView values;
  MatrixView douts;
  const float* log_sums = nullptr;  // [width]
  const float* deltas = nullptr;    // [width], sums over channels of out * dout
  int64_t tokens = 0;
  int64_t width = 0;
  float* scratch = nullptr;   // [2, tokens, kMostLanes]
  float* dqueries = nullptr;  // [head_dim, width] each
  float* dkeys = nullptr;
  float* dvalues = nullptr;
};

}  // namespace ddpm
#endif

HWY_BEFORE_NAMESPACE();
namespace ddpm {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Lanes = hn::Vec<Tag>;

/// 2^x for x <= 0 (at least 2^-100), within 3e-7 of itself: the integer part goes to the exponent,
/// and a polynomial, a Chebyshev fit, takes the rest in [-1/2, 1/2].
HWY_INLINE Lanes exp2(Lanes x) {
  const Tag tag;
  const hn::RebindToUnsigned<Tag> bits_tag;
  const auto magic = hn::Set(tag, 12582912.0F);  // 3 * 2^22: added, it leaves no fraction
  const auto clamped = hn::Max(x, hn::Set(tag, -100.0F));
  const auto shifted = hn::Add(clamped, magic);
  const auto r = hn::Sub(clamped, hn::Sub(shifted, magic));
  auto p = hn::Set(tag, 1.3398875e-3F);
  p = hn::MulAdd(p, r, hn::Set(tag, 9.6184373e-3F));
  p = hn::MulAdd(p, r, hn::Set(tag, 5.5503324e-2F));
  p = hn::MulAdd(p, r, hn::Set(tag, 2.4022648e-1F));
  p = hn::MulAdd(p, r, hn::Set(tag, 6.9314720e-1F));
  p = hn::MulAdd(p, r, hn::Set(tag, 1.0F));
  const auto power = hn::ShiftLeft<23>(hn::BitCast(bits_tag, shifted));
  return hn::BitCast(tag, hn::Add(hn::BitCast(bits_tag, p), power));
}

template <int kDim>
HWY_INLINE void load_columns(const float* from, int64_t width, Lanes (&columns)[kDim]) {
  for (int c = 0; c < kDim; ++c)
    columns[c] = hn::LoadU(Tag(), from + c * width);
}

template <int kDim>
HWY_INLINE void store_columns(const Lanes (&columns)[kDim], int64_t width, float* to) {
  for (int c = 0; c < kDim; ++c)
    hn::StoreU(columns[c], Tag(), to + c * width);
}

template <int kDim>
HWY_INLINE void clear(Lanes (&columns)[kDim]) {
  for (int c = 0; c < kDim; ++c)
    columns[c] = hn::Zero(Tag());
}

/// Adds `factor` times a token's row to the columns.
template <int kDim>
HWY_INLINE void add_row(Lanes factor, const float* row, Lanes (&columns)[kDim]) {
  for (int c = 0; c < kDim; ++c)
    columns[c] = hn::MulAdd(factor, hn::Set(Tag(), row[c]), columns[c]);
}

template <int kDim>
HWY_INLINE Lanes dot(const Lanes (&columns)[kDim], const float* row) {
  auto even = hn::Mul(columns[0], hn::Set(Tag(), row[0]));
  auto odd = hn::Mul(columns[1], hn::Set(Tag(), row[1]));
  for (int c = 2; c < kDim; c += 2) {
    even = hn::MulAdd(columns[c], hn::Set(Tag(), row[c]), even);
    odd = hn::MulAdd(columns[c + 1], hn::Set(Tag(), row[c + 1]), odd);
  }
  return hn::Add(even, odd);
}

// Each block goes over the tokens in short loops, one after another: with sums in between, a single
// loop would be one long chain of dependent operations, and run out of registers.

template <int kDim>
void forward_block(const ForwardMatrices& m, int64_t first) {
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  Lanes q[kDim];
  load_columns(m.queries.lanes + first, m.width, q);
  auto maximum = hn::Set(tag, -3e38F);
  for (int64_t j = 0; j < m.tokens; ++j) {
    const auto score = dot(q, m.keys.rows + j * kDim);
    hn::StoreU(score, tag, m.scratch + j * lanes);
    maximum = hn::Max(maximum, score);
  }
  auto sum = hn::Zero(tag);
  for (int64_t j = 0; j < m.tokens; ++j) {
    const auto p = exp2(hn::Sub(hn::LoadU(tag, m.scratch + j * lanes), maximum));
    hn::StoreU(p, tag, m.scratch + j * lanes);
    sum = hn::Add(sum, p);
  }
  Lanes out[kDim];
  clear(out);
  for (int64_t j = 0; j < m.tokens; ++j)
    add_row(hn::LoadU(tag, m.scratch + j * lanes), m.values.rows + j * kDim, out);
  for (int c = 0; c < kDim; ++c)
    out[c] = hn::Div(out[c], sum);
  store_columns(out, m.width, m.out + first);
  hn::StoreU(maximum, tag, m.maximum + first);
  hn::StoreU(sum, tag, m.sum + first);
}

template <int kDim>
void query_gradients(const BackwardMatrices& m, int64_t first) {
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  Lanes q[kDim];
  Lanes dout[kDim];
  load_columns(m.queries.lanes + first, m.width, q);
  load_columns(m.douts.lanes + first, m.width, dout);
  const auto log_sum = hn::LoadU(tag, m.log_sums + first);
  const auto delta = hn::LoadU(tag, m.deltas + first);
  for (int64_t j = 0; j < m.tokens; ++j) {
    const auto p = exp2(hn::Sub(dot(q, m.keys.rows + j * kDim), log_sum));
    const auto dp = dot(dout, m.values.rows + j * kDim);
    hn::StoreU(hn::Mul(p, hn::Sub(dp, delta)), tag, m.scratch + j * lanes);
  }
  Lanes dq[kDim];
  clear(dq);
  for (int64_t j = 0; j < m.tokens; ++j)
    add_row(hn::LoadU(tag, m.scratch + j * lanes), m.keys.rows + j * kDim, dq);
  store_columns(dq, m.width, m.dqueries + first);
}

template <int kDim>
void key_gradients(const BackwardMatrices& m, int64_t first) {
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  float* const probabilities = m.scratch;
  float* const dscores = m.scratch + m.tokens * lanes;
  Lanes k[kDim];
  Lanes v[kDim];
  load_columns(m.keys.lanes + first, m.width, k);
  load_columns(m.values.lanes + first, m.width, v);
  for (int64_t i = 0; i < m.tokens; ++i) {
    const auto score = dot(k, m.queries.rows + i * kDim);
    const auto p = exp2(hn::Sub(score, hn::Set(tag, m.log_sums[i])));
    const auto dp = dot(v, m.douts.rows + i * kDim);
    hn::StoreU(p, tag, probabilities + i * lanes);
    hn::StoreU(hn::Mul(p, hn::Sub(dp, hn::Set(tag, m.deltas[i]))), tag, dscores + i * lanes);
  }
  Lanes dk[kDim];
  Lanes dv[kDim];
  clear(dk);
  clear(dv);
  for (int64_t i = 0; i < m.tokens; ++i) {
    add_row(hn::LoadU(tag, dscores + i * lanes), m.queries.rows + i * kDim, dk);
    add_row(hn::LoadU(tag, probabilities + i * lanes), m.douts.rows + i * kDim, dv);
  }
  store_columns(dk, m.width, m.dkeys + first);
  store_columns(dv, m.width, m.dvalues + first);
}

void forward_head(const ForwardMatrices& m, int64_t head_dim) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Tag()));
  for (int64_t first = 0; first < m.tokens; first += lanes)
    head_dim == 8 ? forward_block<8>(m, first) : forward_block<16>(m, first);
}

void backward_head(const BackwardMatrices& m, int64_t head_dim) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Tag()));
  for (int64_t first = 0; first < m.tokens; first += lanes) {
    head_dim == 8 ? query_gradients<8>(m, first) : query_gradients<16>(m, first);
    head_dim == 8 ? key_gradients<8>(m, first) : key_gradients<16>(m, first);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ddpm
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "ddpm/kernels/vector_math.h"

namespace ddpm {
namespace {

HWY_EXPORT(forward_head);
HWY_EXPORT(backward_head);

constexpr float kLog2E = std::numbers::log2e_v<float>;
constexpr float kLn2 = std::numbers::ln2_v<float>;
constexpr int64_t kMostLanes = 16;  // of any vector here

int64_t padded(int64_t tokens) {
  return (tokens + kMostLanes - 1) / kMostLanes * kMostLanes;
}

using Floats = std::unique_ptr<float[]>;

Floats uninitialized(int64_t count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<size_t>(count));
}

/// The memory of a `MatrixView`; lanes beyond the last token are zero.
struct Matrix {
  explicit Matrix(const AttentionHead& head)
      : width(padded(head.tokens)),
        rows(uninitialized(head.tokens * head.head_dim)),
        lanes(uninitialized(width * head.head_dim)) {}
  MatrixView view() const { return {rows.get(), lanes.get()}; }

  int64_t width;
  Floats rows;
  Floats lanes;
};

/// `rows` [tokens, kDim] from tokens `stride` apart, times `factor`, and transposed to `lanes`
/// [kDim, width].
template <int kDim, typename T>
DDPM_INLINE void gather_columns(const T* from, int64_t stride, int64_t tokens, float factor,
                                const Matrix& to) {
  float* const rows = to.rows.get();
  for (int64_t t = 0; t < tokens; ++t)
    for (int c = 0; c < kDim; ++c)
      rows[t * kDim + c] = factor * load(from[t * stride + c]);
  for (int c = 0; c < kDim; ++c) {
    float* const lanes = to.lanes.get() + c * to.width;
    for (int64_t t = 0; t < tokens; ++t)
      lanes[t] = rows[t * kDim + c];
    std::fill(lanes + tokens, lanes + to.width, 0.0F);
  }
}

template <typename T>
Matrix gather(const T* from, int64_t token_stride, const AttentionHead& head, float factor) {
  Matrix matrix(head);
  if (head.head_dim == 8) {
    gather_columns<8>(from, token_stride, head.tokens, factor, matrix);
  } else {
    gather_columns<16>(from, token_stride, head.tokens, factor, matrix);
  }
  return matrix;
}

/// Writes lanes [kDim, width] to tokens `stride` apart, times `factor`.
template <int kDim, typename T>
DDPM_INLINE void scatter_columns(const float* lanes, const AttentionHead& head, float factor, T* to,
                                 int64_t stride) {
  const int64_t width = padded(head.tokens);
  for (int64_t t = 0; t < head.tokens; ++t) {
    float row[kDim];
    for (int c = 0; c < kDim; ++c)
      row[c] = factor * lanes[c * width + t];
    for (int c = 0; c < kDim; ++c)
      store(to[t * stride + c], row[c]);
  }
}

template <typename T>
void scatter(const Floats& lanes, const AttentionHead& head, float factor, T* to,
             int64_t token_stride) {
  if (head.head_dim == 8) {
    scatter_columns<8>(lanes.get(), head, factor, to, token_stride);
  } else {
    scatter_columns<16>(lanes.get(), head, factor, to, token_stride);
  }
}

template <typename T>
Floats row_deltas(const AttentionHead& head, const AttentionTensors<T>& tensors) {
  auto deltas = uninitialized(padded(head.tokens));
  std::fill_n(deltas.get(), padded(head.tokens), 0.0F);
  for (int64_t t = 0; t < head.tokens; ++t) {
    float sum = 0.0F;
    for (int64_t c = 0; c < head.head_dim; ++c) {
      const int64_t i = t * head.head_stride + c;
      sum += load(tensors.out[i]) * load(tensors.dout[i]);
    }
    deltas[static_cast<size_t>(t)] = sum;
  }
  return deltas;
}

}  // namespace

bool is_narrow_head(int64_t head_dim) {
  return head_dim == 8 || head_dim == 16;
}

template <typename T>
void attention_forward(const AttentionHead& head, const T* qkv, T* out, float* log_sums) {
  const int64_t width = padded(head.tokens);
  const int64_t token_stride = 3 * head.head_stride;
  const Matrix queries = gather(qkv, token_stride, head, kLog2E * head.scale);
  const Matrix keys = gather(qkv + head.head_stride, token_stride, head, 1.0F);
  const Matrix values = gather(qkv + 2 * head.head_stride, token_stride, head, 1.0F);
  const auto scratch = uninitialized(head.tokens * kMostLanes);
  const auto result = uninitialized(width * head.head_dim);
  const auto maximum = uninitialized(width);
  const auto sum = uninitialized(width);
  HWY_DYNAMIC_DISPATCH(forward_head)
  ({.queries = queries.view(),
    .keys = keys.view(),
    .values = values.view(),
    .tokens = head.tokens,
    .width = width,
    .scratch = scratch.get(),
    .out = result.get(),
    .maximum = maximum.get(),
    .sum = sum.get()},
   head.head_dim);
  for (size_t i = 0; i < static_cast<size_t>(head.tokens); ++i)
    log_sums[i] = maximum[i] + std::log2(sum[i]);
  scatter(result, head, 1.0F, out, head.head_stride);
}

template <typename T>
void attention_backward(const AttentionHead& head, const AttentionTensors<T>& tensors, T* dqkv) {
  const int64_t width = padded(head.tokens);
  const int64_t token_stride = 3 * head.head_stride;
  const Matrix queries = gather(tensors.qkv, token_stride, head, kLog2E * head.scale);
  const Matrix keys = gather(tensors.qkv + head.head_stride, token_stride, head, 1.0F);
  const Matrix values = gather(tensors.qkv + 2 * head.head_stride, token_stride, head, 1.0F);
  const Matrix douts = gather(tensors.dout, head.head_stride, head, 1.0F);
  const auto deltas = row_deltas(head, tensors);
  const auto log_sums = uninitialized(width);
  std::copy_n(tensors.log_sums, head.tokens, log_sums.get());
  std::fill(log_sums.get() + head.tokens, log_sums.get() + width, 0.0F);
  const auto scratch = uninitialized(2 * head.tokens * kMostLanes);
  const auto dqueries = uninitialized(width * head.head_dim);
  const auto dkeys = uninitialized(width * head.head_dim);
  const auto dvalues = uninitialized(width * head.head_dim);
  HWY_DYNAMIC_DISPATCH(backward_head)
  ({.queries = queries.view(),
    .keys = keys.view(),
    .values = values.view(),
    .douts = douts.view(),
    .log_sums = log_sums.get(),
    .deltas = deltas.get(),
    .tokens = head.tokens,
    .width = width,
    .scratch = scratch.get(),
    .dqueries = dqueries.get(),
    .dkeys = dkeys.get(),
    .dvalues = dvalues.get()},
   head.head_dim);
  scatter(dqueries, head, head.scale, dqkv, token_stride);
  scatter(dkeys, head, kLn2, dqkv + head.head_stride, token_stride);  // queries carry the scale
  scatter(dvalues, head, 1.0F, dqkv + 2 * head.head_stride, token_stride);
}

template void attention_forward(const AttentionHead&, const float*, float*, float*);
template void attention_forward(const AttentionHead&, const BFloat16Bits*, BFloat16Bits*, float*);
template void attention_backward(const AttentionHead&, const AttentionTensors<float>&, float*);
template void attention_backward(const AttentionHead&, const AttentionTensors<BFloat16Bits>&,
                                 BFloat16Bits*);

}  // namespace ddpm
#endif  // HWY_ONCE
