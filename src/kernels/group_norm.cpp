#include "ddpm/kernels/group_norm.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
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

torch::Tensor to_float_rows(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.to(torch::kFloat32).contiguous() : torch::Tensor();
}

/// Tensors of one call, in the types that the loops read. A scale and shift after the normalization
/// becomes part of weight and bias, which then differ from image to image.
struct Call {
  torch::Tensor x;
  torch::Tensor shift;           // [N, C] or undefined
  torch::Tensor one_plus_scale;  // [N, C] or undefined
  torch::Tensor weight;          // [C]
  torch::Tensor bias;            // [C]
  torch::Tensor row_weight;      // [C] or [N, C]
  torch::Tensor row_bias;        // [C] or [N, C]
  GroupNormOptions options;

  GroupNormImage image(int64_t n) const {
    const int64_t channels = x.size(1);
    const int64_t row = one_plus_scale.defined() ? n * channels : 0;
    return {.pixels = x.size(2) * x.size(3),
            .channels = channels,
            .groups = options.groups,
            .eps = static_cast<float>(options.eps),
            .silu = options.activation == Activation::kSilu,
            .shift = shift.defined() ? shift.const_data_ptr<float>() + n * channels : nullptr,
            .weight = row_weight.const_data_ptr<float>() + row,
            .bias = row_bias.const_data_ptr<float>() + row};
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
  RECORD_FUNCTION("ddpm::group_norm", std::vector<c10::IValue>());
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
  RECORD_FUNCTION("ddpm::group_norm_backward", std::vector<c10::IValue>());
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

Call make_call(const torch::Tensor& x, const Modulation& modulation, const torch::Tensor& weight,
               const torch::Tensor& bias, const GroupNormOptions& options) {
  TORCH_CHECK(x.size(1) % options.groups == 0, "channels must be a multiple of the groups");
  Call call{.x = x,
            .shift = to_float_rows(modulation.shift),
            .one_plus_scale = {},
            .weight = to_float_rows(weight),
            .bias = to_float_rows(bias),
            .row_weight = {},
            .row_bias = {},
            .options = options};
  call.row_weight = call.weight;
  call.row_bias = call.bias;
  if (modulation.scale_shift.defined()) {
    const auto halves = modulation.scale_shift.to(torch::kFloat32).chunk(2, 1);
    call.one_plus_scale = 1 + halves[0];
    call.row_weight = call.weight * call.one_plus_scale;
    call.row_bias = call.bias * call.one_plus_scale + halves[1];
  }
  return call;
}

struct Statistics {
  torch::Tensor mean;  // [N, groups]
  torch::Tensor rstd;
};

Statistics empty_statistics(const torch::Tensor& x, int64_t groups) {
  return {torch::empty({x.size(0), groups}, torch::kFloat32),
          torch::empty({x.size(0), groups}, torch::kFloat32)};
}

/// Gradients of weight, bias and `scale_shift` from those of the rows.
variable_list spread_row_gradients(const Call& call, const Gradients& rows) {
  if (!call.one_plus_scale.defined()) return {rows.weight.sum(0), rows.bias.sum(0), Variable()};
  const auto scale = rows.weight * call.weight + rows.bias * call.bias;
  return {(rows.weight * call.one_plus_scale).sum(0), (rows.bias * call.one_plus_scale).sum(0),
          torch::cat({scale, rows.bias}, 1)};
}

class FusedGroupNorm : public torch::autograd::Function<FusedGroupNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x,
                          const std::optional<Variable>& shift,
                          const std::optional<Variable>& scale_shift, const Variable& weight,
                          const Variable& bias, int64_t groups, double eps, bool silu) {
    const Modulation modulation{shift.value_or(Variable()), scale_shift.value_or(Variable())};
    const GroupNormOptions options{groups, eps, silu ? Activation::kSilu : Activation::kNone};
    auto y = torch::empty_like(x);
    const auto [mean, rstd] = empty_statistics(x, groups);
    forward_images(make_call(x, modulation, weight, bias, options), y, mean, rstd);
    context->save_for_backward(
        {x, modulation.shift, modulation.scale_shift, weight, bias, mean, rstd});
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
    const auto call = make_call(saved[0], {saved[1], saved[2]}, saved[3], saved[4], options);
    const auto dy =
        gradients[0].to(call.x.scalar_type()).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto out = backward_images(call, dy, saved[5], saved[6]);
    auto shift = out.shift;
    if (shift.defined()) shift = shift.to(saved[1].scalar_type());
    auto rows = spread_row_gradients(call, out);
    if (rows[2].defined()) rows[2] = rows[2].to(saved[2].scalar_type());
    return {out.x, shift, rows[2], rows[0], rows[1], Variable(), Variable(), Variable()};
  }
};

std::optional<torch::Tensor> if_defined(const torch::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

torch::Tensor group_norm_reference(const torch::Tensor& x, const Modulation& modulation,
                                   const torch::Tensor& weight, const torch::Tensor& bias,
                                   const GroupNormOptions& options) {
  const auto per_pixel = [](const torch::Tensor& row) { return row.unsqueeze(-1).unsqueeze(-1); };
  const auto shifted = modulation.shift.defined() ? x + per_pixel(modulation.shift) : x;
  // CUDA's operator wants one type; it computes in float32 all the same.
  const auto type = x.is_cpu() ? weight.scalar_type() : x.scalar_type();
  auto z = at::group_norm(shifted, options.groups, weight.to(type), bias.to(type), options.eps);
  if (modulation.scale_shift.defined()) {
    const auto halves = modulation.scale_shift.chunk(2, 1);
    z = z * (1 + per_pixel(halves[0])) + per_pixel(halves[1]);
  }
  return options.activation == Activation::kSilu ? torch::silu(z) : z;
}

torch::Tensor group_norm(const torch::Tensor& x, const Modulation& modulation,
                         const torch::Tensor& weight, const torch::Tensor& bias,
                         const GroupNormOptions& options) {
  if (!is_supported(x)) return group_norm_reference(x, modulation, weight, bias, options);
  if (!torch::GradMode::is_enabled()) {
    auto y = torch::empty_like(x);
    const auto [mean, rstd] = empty_statistics(x, options.groups);
    forward_images(make_call(x, modulation, weight, bias, options), y, mean, rstd);
    return y;
  }
  return FusedGroupNorm::apply(x, if_defined(modulation.shift), if_defined(modulation.scale_shift),
                               weight, bias, options.groups, options.eps,
                               options.activation == Activation::kSilu);
}

}  // namespace ddpm
