#include "ddpm/kernels/group_norm.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include "ddpm/kernels/group_norm_loops.h"

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

bool is_supported(const torch::Tensor& x) {
  const bool type = x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16;
  return x.is_cpu() && type && x.dim() == 4 && x.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

/// Tensors of one call, in the types that the loops read.
struct Call {
  torch::Tensor x;
  torch::Tensor shift;  // float32 [N, C] or undefined
  torch::Tensor weight;
  torch::Tensor bias;
  GroupNormOptions options;

  GroupNormImage image(int64_t n) const {
    const int64_t channels = x.size(1);
    return {.pixels = x.size(2) * x.size(3),
            .channels = channels,
            .groups = options.groups,
            .eps = static_cast<float>(options.eps),
            .silu = options.activation == Activation::kSilu,
            .shift = shift.defined() ? shift.const_data_ptr<float>() + n * channels : nullptr,
            .weight = weight.const_data_ptr<float>(),
            .bias = bias.const_data_ptr<float>()};
  }
};

template <typename T>
T* pointer(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

/// Calls `work(T*, n)`-like generic code with the loops' element type of `x`.
template <typename Work>
void for_each_image(const torch::Tensor& x, const Work& work) {
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      if (x.scalar_type() == torch::kFloat32) {
        work(n, float{});
      } else {
        work(n, BFloat16Bits{});
      }
    }
  });
}

void forward_images(const Call& call, const torch::Tensor& y, const torch::Tensor& mean,
                    const torch::Tensor& rstd) {
  const int64_t size = call.x.numel() / call.x.size(0);
  for_each_image(call.x, [&](int64_t n, auto type) {
    using T = decltype(type);
    const int64_t row = n * call.options.groups;
    group_norm_forward<T>(call.image(n), pointer<T>(call.x) + n * size, pointer<T>(y) + n * size,
                          pointer<float>(mean) + row, pointer<float>(rstd) + row);
  });
}

/// Gradients of a call; those of weight, bias and shift are [N, C], one row an image.
struct Gradients {
  torch::Tensor x;
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor shift;
};

Gradients backward_images(const Call& call, const torch::Tensor& dy, const torch::Tensor& mean,
                          const torch::Tensor& rstd) {
  const int64_t channels = call.x.size(1);
  const auto row_options = torch::dtype(torch::kFloat32);
  Gradients out{.x = torch::empty_like(call.x),
                .weight = torch::empty({call.x.size(0), channels}, row_options),
                .bias = torch::empty({call.x.size(0), channels}, row_options),
                .shift = torch::Tensor()};
  if (call.shift.defined()) out.shift = torch::empty({call.x.size(0), channels}, row_options);
  const int64_t size = call.x.numel() / call.x.size(0);
  for_each_image(call.x, [&](int64_t n, auto type) {
    using T = decltype(type);
    const int64_t row = n * call.options.groups;
    const GroupNormGradients rows{
        .weight = pointer<float>(out.weight) + n * channels,
        .bias = pointer<float>(out.bias) + n * channels,
        .shift = out.shift.defined() ? pointer<float>(out.shift) + n * channels : nullptr};
    group_norm_backward<T>(call.image(n), pointer<T>(call.x) + n * size, pointer<T>(dy) + n * size,
                           pointer<float>(mean) + row, pointer<float>(rstd) + row,
                           pointer<T>(out.x) + n * size, rows);
  });
  return out;
}

Call make_call(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& weight,
               const torch::Tensor& bias, const GroupNormOptions& options) {
  TORCH_CHECK(x.size(1) % options.groups == 0, "channels must be a multiple of the groups");
  return {.x = x,
          .shift = shift.defined() ? shift.to(torch::kFloat32).contiguous() : torch::Tensor(),
          .weight = weight.to(torch::kFloat32).contiguous(),
          .bias = bias.to(torch::kFloat32).contiguous(),
          .options = options};
}

class FusedGroupNorm : public torch::autograd::Function<FusedGroupNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x,
                          const std::optional<Variable>& given_shift, const Variable& weight,
                          const Variable& bias, int64_t groups, double eps, bool silu) {
    const auto shift = given_shift.value_or(Variable());
    const GroupNormOptions options{groups, eps, silu ? Activation::kSilu : Activation::kNone};
    const auto call = make_call(x, shift, weight, bias, options);
    auto y = torch::empty_like(x);
    const auto mean = torch::empty({x.size(0), groups}, torch::kFloat32);
    const auto rstd = torch::empty_like(mean);
    forward_images(call, y, mean, rstd);
    context->save_for_backward({x, shift, weight, bias, mean, rstd});
    context->saved_data["groups"] = groups;
    context->saved_data["eps"] = eps;
    context->saved_data["silu"] = silu;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const GroupNormOptions options{
        context->saved_data["groups"].toInt(), context->saved_data["eps"].toDouble(),
        context->saved_data["silu"].toBool() ? Activation::kSilu : Activation::kNone};
    const auto call = make_call(saved[0], saved[1], saved[2], saved[3], options);
    const auto dy =
        gradients[0].to(call.x.scalar_type()).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto out = backward_images(call, dy, saved[4], saved[5]);
    const auto shift = out.shift.defined() ? out.shift.to(saved[1].scalar_type()) : torch::Tensor();
    return {out.x, shift, out.weight.sum(0), out.bias.sum(0), Variable(), Variable(), Variable()};
  }
};

}  // namespace

torch::Tensor group_norm_reference(const torch::Tensor& x, const torch::Tensor& shift,
                                   const torch::Tensor& weight, const torch::Tensor& bias,
                                   const GroupNormOptions& options) {
  const auto shifted = shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x;
  const auto normed = at::group_norm(shifted, options.groups, weight, bias, options.eps);
  return options.activation == Activation::kSilu ? torch::silu(normed) : normed;
}

torch::Tensor group_norm(const torch::Tensor& x, const torch::Tensor& shift,
                         const torch::Tensor& weight, const torch::Tensor& bias,
                         const GroupNormOptions& options) {
  if (!is_supported(x)) return group_norm_reference(x, shift, weight, bias, options);
  if (!torch::GradMode::is_enabled()) {
    const auto call = make_call(x, shift, weight, bias, options);
    auto y = torch::empty_like(x);
    const auto mean = torch::empty({x.size(0), options.groups}, torch::kFloat32);
    forward_images(call, y, mean, torch::empty_like(mean));
    return y;
  }
  const auto given_shift = shift.defined() ? std::optional(shift) : std::nullopt;
  return FusedGroupNorm::apply(x, given_shift, weight, bias, options.groups, options.eps,
                               options.activation == Activation::kSilu);
}

}  // namespace ddpm
