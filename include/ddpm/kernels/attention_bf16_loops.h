#pragma once

#include <cstdint>

#include "ddpm/kernels/attention_loops.h"
#include "ddpm/kernels/bfloat16_bits.h"

namespace ddpm {

/// True on machines with AVX-512's bfloat16 dot products, which the two functions below need.
bool has_bf16_products();

/// `attention_forward` with bfloat16 products of pairs, summed in float32; attention weights are
/// rounded to bfloat16 before they meet the values, as LibTorch's kernels do.
void attention_forward_bf16(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                            float* log_sums);

/// `attention_backward` likewise. Each score is made again once.
void attention_backward_bf16(const AttentionHead& head,
                             const AttentionTensors<BFloat16Bits>& tensors, BFloat16Bits* dqkv);

}  // namespace ddpm
