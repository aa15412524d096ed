#pragma once

#include <cstdint>

#include "ddpm/kernels/bfloat16_bits.h"

namespace ddpm {

/// One head of one image. Queries, keys and values of a token lie `head_stride` = heads * head_dim
/// elements apart, tokens 3 * head_stride; outputs of tokens lie head_stride apart.
struct AttentionHead {
  int64_t tokens = 0;
  int64_t head_dim = 0;
  int64_t head_stride = 0;
  float scale = 1.0F;  // of the scores
};

/// True for the widths that the loops below are written for.
bool is_narrow_head(int64_t head_dim);

/// Attended values of one head. `qkv` and `out` point to the head's first element; `log_sums`
/// [tokens] gets the logarithm (to base 2) of each row's sum of exponentials. `T` is float or
/// BFloat16Bits. Scores live in registers: no memory of tokens squared is needed.
template <typename T>
void attention_forward(const AttentionHead& head, const T* qkv, T* out, float* log_sums);

/// Gradients of one head from `dout` and what the forward pass gave, written to `dqkv`.
template <typename T>
struct AttentionTensors {
  const T* qkv;
  const T* out;
  const T* dout;
  const float* log_sums;
};
template <typename T>
void attention_backward(const AttentionHead& head, const AttentionTensors<T>& tensors, T* dqkv);

}  // namespace ddpm
