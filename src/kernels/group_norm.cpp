#include "ddpm/kernels/group_norm.h"

#include <torch/autograd.h>

#include "ddpm/kernels/group_norm_passes.h"

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

class FusedGroupNorm : public torch::autograd::Function<FusedGroupNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x,
                          const std::optional<Variable>& shift,
                          const std::optional<Variable>& scale_shift, const Variable& weight,
                          const Variable& bias, int64_t groups, double eps, bool silu) {
    const GroupNormInputs inputs{x,
                                 {shift.value_or(Variable()), scale_shift.value_or(Variable())},
                                 weight,
                                 bias,
                                 {groups, eps, silu ? Activation::kSilu : Activation::kNone}};
    const auto [y, statistics] = group_norm_forward(inputs);
    context->save_for_backward({x, inputs.modulation.shift, inputs.modulation.scale_shift, weight,
                                bias, statistics.mean, statistics.rstd});
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
    const GroupNormInputs inputs{saved[0], {saved[1], saved[2]}, saved[3], saved[4], options};
    const auto out = group_norm_backward(inputs, {saved[5], saved[6]}, gradients[0]);
    return {out.x,    out.shift,  out.scale_shift, out.weight,
            out.bias, Variable(), Variable(),      Variable()};
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
  if (!is_fused_group_norm(x)) return group_norm_reference(x, modulation, weight, bias, options);
  if (!torch::GradMode::is_enabled()) {
    return group_norm_forward({x, modulation, weight, bias, options}).y;
  }
  return FusedGroupNorm::apply(x, if_defined(modulation.shift), if_defined(modulation.scale_shift),
                               weight, bias, options.groups, options.eps,
                               options.activation == Activation::kSilu);
}

}  // namespace ddpm
