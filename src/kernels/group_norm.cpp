#include "ddpm/kernels/group_norm.h"

#include <torch/autograd.h>

#include "ddpm/kernels/group_norm_autograd.h"

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
                          const Variable& bias, const GroupNormOptions& options) {
    const GroupNormInputs inputs{
        x, {shift.value_or(Variable()), scale_shift.value_or(Variable())}, weight, bias, options};
    const auto [y, statistics] = group_norm_forward(inputs);
    save_group_norm(*context, {inputs, statistics});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto [inputs, statistics] = load_group_norm(*context, context->get_saved_variables());
    const auto out = group_norm_backward(inputs, statistics, gradients[0]);
    return {out.x, out.shift, out.scale_shift, out.weight, out.bias, Variable()};
  }
};

}  // namespace

void save_group_norm(AutogradContext& context, const SavedGroupNorm& norm,
                     const variable_list& more) {
  const auto& [x, modulation, weight, bias, options] = norm.inputs;
  variable_list tensors{x,    modulation.shift,     modulation.scale_shift, weight,
                        bias, norm.statistics.mean, norm.statistics.rstd};
  tensors.insert(tensors.end(), more.begin(), more.end());
  context.save_for_backward(std::move(tensors));
  context.saved_data["groups"] = options.groups;
  context.saved_data["eps"] = options.eps;
  context.saved_data["silu"] = options.activation == Activation::kSilu;
}

SavedGroupNorm load_group_norm(AutogradContext& context, const variable_list& saved) {
  auto& data = context.saved_data;
  const GroupNormOptions options{data["groups"].toInt(), data["eps"].toDouble(),
                                 data["silu"].toBool() ? Activation::kSilu : Activation::kNone};
  return {{saved[0], {saved[1], saved[2]}, saved[3], saved[4], options}, {saved[5], saved[6]}};
}

std::optional<torch::Tensor> if_defined(const torch::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

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
                               weight, bias, options);
}

}  // namespace ddpm
