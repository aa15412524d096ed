#include "ddpm/kernels/upsample_convolution.h"

#include <array>

#include <torch/autograd.h>

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

/// Smaller images are enlarged as they are: there is too little to spare.
constexpr int64_t kFewestPixels = 64;

bool is_fused_upsampling(const torch::Tensor& x) {
  const bool type = x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16;
  return x.is_cpu() && type && x.size(2) * x.size(3) >= kFewestPixels &&
         x.is_contiguous(kChannelsLast);
}

// Along one side, output 2i reads the pixels i - 1, i, i through the weights w0, w1, w2, and output
// 2i + 1 reads i, i, i + 1.

/// [4, 3]: which weights make the kernel of the transposed convolution of stride 2 and padding 1.
torch::Tensor transposed_taps() {
  return torch::tensor({{0.F, 0.F, 1.F}, {0.F, 1.F, 1.F}, {1.F, 1.F, 0.F}, {1.F, 0.F, 0.F}});
}

/// [4, 3]: which weights meet pixels i - 1 and i in even outputs, i and i + 1 in odd ones.
torch::Tensor parity_taps() {
  return torch::tensor({{1.F, 0.F, 0.F}, {0.F, 1.F, 1.F}, {1.F, 1.F, 0.F}, {0.F, 0.F, 1.F}});
}

/// The kernel [C, O, 4, 4] of the transposed convolution, from [O, C, 3, 3].
torch::Tensor transposed_kernel(const torch::Tensor& weight) {
  const int64_t out = weight.size(0);
  const auto taps = transposed_taps().to(weight.scalar_type());
  const auto rows = weight.permute({0, 2, 3, 1}).reshape({out, 9, -1});
  return torch::matmul(torch::kron(taps, taps), rows)
      .view({out, 4, 4, -1})
      .permute({3, 0, 1, 2})
      .contiguous(kChannelsLast);
}

torch::Tensor transposed_convolution(const torch::Tensor& x, const torch::Tensor& weight,
                                     const torch::Tensor& bias) {
  return at::conv_transpose2d(x, transposed_kernel(weight), bias, /*stride=*/2, /*padding=*/1);
}

constexpr std::array<int64_t, 2> kNoOffset{0, 0};
constexpr std::array<int64_t, 2> kUnit{1, 1};

/// Gradient of a convolution's weight [O, C, 2, 2] that has no padding, from that of its output.
torch::Tensor weight_gradient(const torch::Tensor& dy, const torch::Tensor& x) {
  const auto weight = torch::empty({dy.size(1), x.size(1), 2, 2}, x.options());
  return std::get<1>(at::convolution_backward(dy, x, weight, at::OptionalIntArrayRef(), kUnit,
                                              kNoOffset, kUnit, /*transposed=*/false, kNoOffset,
                                              /*groups=*/1, {false, true, false}));
}

/// Gradient of the weight [O, C, 3, 3]. Outputs of one parity are a convolution of kernel 2, whose
/// weight's gradient oneDNN finds faster than that of the transposed convolution.
torch::Tensor parity_weight_gradient(const torch::Tensor& dy, const torch::Tensor& x) {
  const int64_t height = x.size(2);
  const int64_t width = x.size(3);
  const int64_t out = dy.size(1);
  const auto padded = torch::constant_pad_nd(x, {1, 1, 1, 1});
  const auto parities =
      dy.permute({0, 2, 3, 1}).reshape({x.size(0), height, 2, width, 2, out});  // a view
  std::vector<torch::Tensor> gradients;
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 2; ++column) {
      const auto window =
          padded.slice(2, row, row + height + 1).slice(3, column, column + width + 1);
      const auto part = parities.select(4, column).select(2, row).permute({0, 3, 1, 2});
      gradients.push_back(
          weight_gradient(part.contiguous(kChannelsLast), window.contiguous(kChannelsLast)));
    }
  }
  // [row, column, O, C, row's tap, column's tap] to [O, row, tap, column, tap, C].
  const auto stacked = torch::stack(gradients)
                           .view({2, 2, out, x.size(1), 2, 2})
                           .permute({2, 0, 4, 1, 5, 3})
                           .reshape({out, 16, -1});
  const auto taps = parity_taps().to(dy.scalar_type());
  return torch::matmul(torch::kron(taps, taps).t(), stacked)
      .view({out, 3, 3, -1})
      .permute({0, 3, 1, 2});
}

class UpsampleConvolution : public torch::autograd::Function<UpsampleConvolution> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& weight,
                          const Variable& bias) {
    context->save_for_backward({x, weight});
    return transposed_convolution(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& x = saved[0];
    const auto dy = gradients[0].to(x.scalar_type()).contiguous(kChannelsLast);
    // The transposed convolution's backward pass is a convolution with its kernel.
    const auto dx = at::conv2d(dy, transposed_kernel(saved[1]), {}, /*stride=*/2, /*padding=*/1);
    Variable dweight;
    Variable dbias;
    if (context->needs_input_grad(1)) dweight = parity_weight_gradient(dy, x);
    if (context->needs_input_grad(2)) dbias = dy.sum({0, 2, 3});
    return {dx, dweight, dbias};
  }
};

}  // namespace

torch::Tensor upsample_convolution_reference(const torch::Tensor& x, const torch::Tensor& weight,
                                             const torch::Tensor& bias) {
  const auto enlarged = at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
  return at::conv2d(enlarged, weight, bias, /*stride=*/1, /*padding=*/1);
}

torch::Tensor upsample_convolution(const torch::Tensor& x, const torch::Tensor& weight,
                                   const torch::Tensor& bias) {
  if (!is_fused_upsampling(x)) return upsample_convolution_reference(x, weight, bias);
  if (!torch::GradMode::is_enabled()) return transposed_convolution(x, weight, bias);
  return UpsampleConvolution::apply(x, weight, bias);
}

}  // namespace ddpm
