#pragma once

#include <torch/types.h>

namespace ddpm {

/// Softmax attention over the tokens of each image: softmax(q k^T / sqrt(head_dim)) v, with a
/// gradient (Vaswani et al., "Attention is all you need", 2017).
///
/// `qkv` is [N, tokens, 3, heads, head_dim], contiguous: queries, keys, values. Gives
/// [N, tokens, heads * head_dim] in the type of `qkv`.
///
/// On the CPU heads of 8 or 16 channels take one fused operator that keeps the inputs, the output
/// and one number a row: in float32 arithmetic, or for bfloat16 on machines with its products in
/// those, with attention weights and their gradients rounded to bfloat16 in between. Other heads
/// take `attention_reference` and keep the inputs alone; long sequences LibTorch's own kernel.
torch::Tensor attention(const torch::Tensor& qkv);

/// The same by two batched matrix products and a softmax.
torch::Tensor attention_reference(const torch::Tensor& qkv);

}  // namespace ddpm
