#pragma once

#include <torch/types.h>

namespace ddpm {

/// Softmax attention over the tokens of each image: softmax(q k^T / sqrt(head_dim)) v, with a
/// gradient (Vaswani et al., "Attention is all you need", 2017).
///
/// `qkv` is [N, tokens, 3, heads, head_dim], contiguous: queries, keys, values. Gives
/// [N, tokens, heads * head_dim] in the type of `qkv`.
///
/// On the CPU heads of 8 or 16 channels take one fused operator in float32 arithmetic that keeps
/// the inputs, the output and one number a row; other heads and long sequences take
/// `attention_reference` or LibTorch's own kernel.
torch::Tensor attention(const torch::Tensor& qkv);

/// The same by two batched matrix products and a softmax.
torch::Tensor attention_reference(const torch::Tensor& qkv);

}  // namespace ddpm
