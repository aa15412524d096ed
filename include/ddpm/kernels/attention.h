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
/// those, with attention weights and their gradients rounded to bfloat16 in between.
torch::Tensor attention(const torch::Tensor& qkv);

/// The same for queries, keys and values apart, each [N, tokens, heads, head_dim]. On the CPU this
/// is `attention_reference`, but keeps the inputs alone; long sequences, and all elsewhere, take
/// LibTorch's own kernel.
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

/// True if heads of this width are faster with queries, keys and values apart: no fused operator
/// is there for them, and matrix products would copy parts of one tensor.
bool is_better_apart(const torch::Device& device, int64_t head_dim);

/// Attention by two batched matrix products and a softmax.
torch::Tensor attention_reference(const torch::Tensor& q, const torch::Tensor& k,
                                  const torch::Tensor& v);
torch::Tensor attention_reference(const torch::Tensor& qkv);

}  // namespace ddpm
