#include "ddpm/kernels/group_norm_convolution.h"

#include <array>

#include <torch/autograd.h>

#include "ddpm/kernels/group_norm_autograd.h"

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::array<int64_t, 2> kOnes{1, 1};
constexpr std::array<int64_t, 2> kZeros{0, 0};

torch::Tensor convolve(const torch::Tensor& x, const Convolution& c) {
  return at::conv2d(x, c.weight, c.bias, c.stride, c.padding);
}

/// Gradients of input, weight and bias; those that are not wanted are undefined.
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> convolution_gradients(
    const torch::Tensor& dy, const torch::Tensor& x, const Convolution& c,
    const std::array<bool, 3>& wanted) {
  return at::convolution_backward(dy, x, c.weight, c.bias.sizes(), c.stride, c.padding, kOnes,
                                  /*transposed=*/false, kZeros, /*groups=*/1, wanted);
}

/// Whether gradients of the convolution's input, weight and bias are wanted. The context counts the
/// tensors that were given, x, norm_weight and norm_bias among them; undefined ones do not count.
std::array<bool, 3> wanted_gradients(const AutogradContext& context, const Modulation& modulation) {
  const size_t weight =
      3U + size_t{modulation.shift.defined()} + size_t{modulation.scale_shift.defined()};
  return {true, context.needs_input_grad(weight), context.needs_input_grad(weight + 1)};
}

class FusedNormConvolution : public torch::autograd::Function<FusedNormConvolution> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x,
                          const std::optional<Variable>& shift,
                          const std::optional<Variable>& scale_shift, const Variable& norm_weight,
                          const Variable& norm_bias, const Variable& weight, const Variable& bias,
                          const GroupNormOptions& options, const Convolution& convolution) {
    const GroupNormInputs inputs{x,
                                 {shift.value_or(Variable()), scale_shift.value_or(Variable())},
                                 norm_weight,
                                 norm_bias,
                                 options};
    const auto [y, statistics] = group_norm_forward(inputs);
    save_group_norm(*context, {inputs, statistics}, {weight, bias});
    context->saved_data["stride"] = convolution.stride;
    context->saved_data["padding"] = convolution.padding;
    return convolve(y, {weight, bias, convolution.stride, convolution.padding});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto [inputs, statistics] = load_group_norm(*context, saved);
    const Convolution convolution{saved[kGroupNormTensors], saved[kGroupNormTensors + 1],
                                  context->saved_data["stride"].toIntVector(),
                                  context->saved_data["padding"].toIntVector()};
    const auto [dnormed, dweight, dbias] =
        convolution_gradients(gradients[0], group_norm_again(inputs, statistics), convolution,
                              wanted_gradients(*context, inputs.modulation));
    const auto out = group_norm_backward(inputs, statistics, dnormed);
    return {out.x,   out.shift, out.scale_shift, out.weight, out.bias,
            dweight, dbias,     Variable(),      Variable()};
  }
};

}  // namespace

torch::Tensor group_norm_convolution(const torch::Tensor& x, const Modulation& modulation,
                                     const torch::Tensor& norm_weight,
                                     const torch::Tensor& norm_bias,
                                     const GroupNormOptions& options,
                                     const Convolution& convolution) {
  if (!is_fused_group_norm(x) || !torch::GradMode::is_enabled()) {
    return convolve(group_norm(x, modulation, norm_weight, norm_bias, options), convolution);
  }
  return FusedNormConvolution::apply(x, if_defined(modulation.shift),
                                     if_defined(modulation.scale_shift), norm_weight, norm_bias,
                                     convolution.weight, convolution.bias, options, convolution);
}

}  // namespace ddpm
