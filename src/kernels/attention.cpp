#include "ddpm/kernels/attention.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/autograd.h>

#include "ddpm/kernels/attention_bf16_loops.h"
#include "ddpm/kernels/attention_loops.h"

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// At the CPU's wide heads plain batched products are faster than LibTorch's fused kernel up to
/// this length; above it the score matrix would cost too much memory.
constexpr int64_t kPlainProductTokens = 1024;

bool is_fused_attention(const torch::Tensor& qkv) {
  const bool type = qkv.scalar_type() == torch::kFloat32 || qkv.scalar_type() == torch::kBFloat16;
  return qkv.is_cpu() && type && qkv.is_contiguous() && is_narrow_head(qkv.size(4));
}

/// For tensors whose last dimension is that of the head.
double score_scale(const torch::Tensor& values) {
  return 1.0 / std::sqrt(static_cast<double>(values.size(-1)));
}

AttentionHead head_of(const torch::Tensor& qkv) {
  return {.tokens = qkv.size(1),
          .head_dim = qkv.size(4),
          .head_stride = qkv.size(3) * qkv.size(4),
          .scale = static_cast<float>(score_scale(qkv))};
}

// The machine's best loops by element type.

void forward_head(const AttentionHead& head, const float* qkv, float* out, float* log_sums) {
  attention_forward(head, qkv, out, log_sums);
}

void forward_head(const AttentionHead& head, const BFloat16Bits* qkv, BFloat16Bits* out,
                  float* log_sums) {
  static const bool products = has_bf16_products();
  products ? attention_forward_bf16(head, qkv, out, log_sums)
           : attention_forward(head, qkv, out, log_sums);
}

void backward_head(const AttentionHead& head, const AttentionTensors<float>& tensors, float* dqkv) {
  attention_backward(head, tensors, dqkv);
}

void backward_head(const AttentionHead& head, const AttentionTensors<BFloat16Bits>& tensors,
                   BFloat16Bits* dqkv) {
  static const bool products = has_bf16_products();
  products ? attention_backward_bf16(head, tensors, dqkv) : attention_backward(head, tensors, dqkv);
}

/// Calls `work(image, head, T{})` for every head, T being the loops' element type.
template <typename Work>
void for_each_head(const torch::Tensor& qkv, const Work& work) {
  const int64_t heads = qkv.size(3);
  at::parallel_for(0, qkv.size(0) * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (qkv.scalar_type() == torch::kFloat32) {
        work(i / heads, i % heads, float{});
      } else {
        work(i / heads, i % heads, BFloat16Bits{});
      }
    }
  });
}

/// First element of a head in a tensor of [N, tokens, parts * heads * head_dim].
template <typename T>
T* head_pointer(const torch::Tensor& tensor, int64_t image, int64_t offset) {
  return static_cast<T*>(tensor.data_ptr()) + image * tensor.stride(0) + offset;
}

/// [N, tokens, heads * head_dim]; `log_sums` is [N, heads, tokens].
torch::Tensor forward_heads(const torch::Tensor& qkv, const torch::Tensor& log_sums) {
  RECORD_FUNCTION("ddpm::attention", std::vector<c10::IValue>());
  const auto head = head_of(qkv);
  auto out = torch::empty({qkv.size(0), head.tokens, head.head_stride}, qkv.options());
  for_each_head(qkv, [&](int64_t n, int64_t h, auto type) {
    using T = decltype(type);
    const int64_t offset = h * head.head_dim;
    forward_head(head, head_pointer<T>(qkv, n, offset), head_pointer<T>(out, n, offset),
                 head_pointer<float>(log_sums, n, h * head.tokens));
  });
  return out;
}

torch::Tensor empty_log_sums(const torch::Tensor& qkv) {
  return torch::empty({qkv.size(0), qkv.size(3), qkv.size(1)}, torch::kFloat32);
}

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& qkv) {
    const auto log_sums = empty_log_sums(qkv);
    auto out = forward_heads(qkv, log_sums);
    context->save_for_backward({qkv, out, log_sums});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("ddpm::attention_backward", std::vector<c10::IValue>());
    const auto saved = context->get_saved_variables();
    const auto& qkv = saved[0];
    const auto dout = gradients[0].to(qkv.scalar_type()).contiguous();
    const auto head = head_of(qkv);
    auto dqkv = torch::empty_like(qkv);
    for_each_head(qkv, [&](int64_t n, int64_t h, auto type) {
      using T = decltype(type);
      const int64_t offset = h * head.head_dim;
      const AttentionTensors<T> tensors{
          .qkv = head_pointer<T>(qkv, n, offset),
          .out = head_pointer<T>(saved[1], n, offset),
          .dout = head_pointer<T>(dout, n, offset),
          .log_sums = head_pointer<float>(saved[2], n, h * head.tokens)};
      backward_head(head, tensors, head_pointer<T>(dqkv, n, offset));
    });
    return {dqkv};
  }
};

/// [N, tokens, heads, head_dim] as [N, heads, tokens, head_dim], a view.
torch::Tensor by_heads(const torch::Tensor& values) {
  return values.transpose(1, 2);
}

/// The attention weights [N, heads, tokens, tokens] of queries that are scaled already.
torch::Tensor attention_weights(const torch::Tensor& queries, const torch::Tensor& keys) {
  return torch::softmax(torch::matmul(by_heads(queries), keys.permute({0, 2, 3, 1})), -1);
}

/// `attention_reference` that keeps only its inputs; the attention weights, tokens squared of them,
/// are made again in the backward pass.
class PlainAttention : public torch::autograd::Function<PlainAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& q, const Variable& k,
                          const Variable& v) {
    context->save_for_backward({q, k, v});
    return attention_reference(q, k, v);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& k = saved[1];
    const auto& v = saved[2];
    const double scale = score_scale(k);
    const auto queries = saved[0] * scale;
    const auto weights = attention_weights(queries, k);
    const auto dout = by_heads(gradients[0].to(k.scalar_type()).reshape(v.sizes()));
    const auto dweights = torch::matmul(dout, v.permute({0, 2, 3, 1}));
    const auto dscores = at::_softmax_backward_data(dweights, weights, /*dim=*/-1, k.scalar_type());
    const auto dq = torch::matmul(dscores, by_heads(k)) * scale;
    const auto dk = torch::matmul(dscores.transpose(2, 3), by_heads(queries));
    const auto dv = torch::matmul(weights.transpose(2, 3), dout);
    return {by_heads(dq), by_heads(dk), by_heads(dv)};
  }
};

}  // namespace

torch::Tensor attention_reference(const torch::Tensor& q, const torch::Tensor& k,
                                  const torch::Tensor& v) {
  const auto weights = attention_weights(q * score_scale(q), k);
  return by_heads(torch::matmul(weights, by_heads(v))).flatten(2);
}

torch::Tensor attention_reference(const torch::Tensor& qkv) {
  const auto parts = qkv.unbind(2);
  return attention_reference(parts[0], parts[1], parts[2]);
}

bool is_better_apart(const torch::Device& device, int64_t head_dim) {
  return device.is_cpu() && !is_narrow_head(head_dim);
}

torch::Tensor attention(const torch::Tensor& qkv) {
  if (is_fused_attention(qkv)) {
    return torch::GradMode::is_enabled() ? FusedAttention::apply(qkv)
                                         : forward_heads(qkv, empty_log_sums(qkv));
  }
  const auto parts = qkv.unbind(2);
  return attention(parts[0], parts[1], parts[2]);
}

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  if (q.is_cpu() && q.size(1) <= kPlainProductTokens) {
    return torch::GradMode::is_enabled() ? PlainAttention::apply(q, k, v)
                                         : attention_reference(q, k, v);
  }
  return by_heads(at::scaled_dot_product_attention(by_heads(q), by_heads(k), by_heads(v)))
      .flatten(2);
}

}  // namespace ddpm
