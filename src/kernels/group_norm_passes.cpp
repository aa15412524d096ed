#include "ddpm/kernels/group_norm_passes.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/kernels/group_norm_loops.h"

namespace ddpm {
namespace {

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

/// Calls `work(image, T{})` for every image, T being the loops' element type of `x`.
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

Call make_call(const GroupNormInputs& inputs) {
  const auto& [x, modulation, weight, bias, options] = inputs;
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

/// Gradients of a call; those of weight, bias and shift are [N, C], one row an image.
struct RowGradients {
  torch::Tensor x;
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor shift;
};

RowGradients backward_images(const Call& call, const torch::Tensor& dy,
                             const GroupNormStatistics& statistics) {
  const int64_t channels = call.x.size(1);
  const auto row_options = torch::dtype(torch::kFloat32);
  RowGradients out{.x = torch::empty_like(call.x),
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
    ddpm::group_norm_backward<T>(call.image(n), pointer<T>(call.x) + n * size,
                                 pointer<T>(dy) + n * size, pointer<float>(statistics.mean) + row,
                                 pointer<float>(statistics.rstd) + row,
                                 pointer<T>(out.x) + n * size, rows);
  });
  return out;
}

/// Gradients of weight, bias and scale_shift from those of the rows.
void spread_row_gradients(const Call& call, const RowGradients& rows,
                          GroupNormInputGradients& gradients) {
  if (!call.one_plus_scale.defined()) {
    gradients.weight = rows.weight.sum(0);
    gradients.bias = rows.bias.sum(0);
    return;
  }
  const auto scale = rows.weight * call.weight + rows.bias * call.bias;
  gradients.weight = (rows.weight * call.one_plus_scale).sum(0);
  gradients.bias = (rows.bias * call.one_plus_scale).sum(0);
  gradients.scale_shift = torch::cat({scale, rows.bias}, 1);
}

}  // namespace

bool is_fused_group_norm(const torch::Tensor& x) {
  const bool type = x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16;
  return x.is_cpu() && type && x.dim() == 4 && x.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

GroupNormResult group_norm_forward(const GroupNormInputs& inputs) {
  RECORD_FUNCTION("ddpm::group_norm", std::vector<c10::IValue>());
  const auto call = make_call(inputs);
  const int64_t images = call.x.size(0);
  const int64_t groups = call.options.groups;
  GroupNormResult result{.y = torch::empty_like(call.x),
                         .statistics = {.mean = torch::empty({images, groups}, torch::kFloat32),
                                        .rstd = torch::empty({images, groups}, torch::kFloat32)}};
  const int64_t size = call.x.numel() / images;
  for_each_image(call.x, [&](int64_t n, auto type) {
    using T = decltype(type);
    auto* const mean = pointer<float>(result.statistics.mean) + n * groups;
    auto* const rstd = pointer<float>(result.statistics.rstd) + n * groups;
    const auto* const from = pointer<T>(call.x) + n * size;
    group_norm_statistics<T>(call.image(n), from, mean, rstd);
    group_norm_apply<T>(call.image(n), from, mean, rstd, pointer<T>(result.y) + n * size);
  });
  return result;
}

torch::Tensor group_norm_again(const GroupNormInputs& inputs,
                               const GroupNormStatistics& statistics) {
  RECORD_FUNCTION("ddpm::group_norm_again", std::vector<c10::IValue>());
  const auto call = make_call(inputs);
  auto y = torch::empty_like(call.x);
  const int64_t size = call.x.numel() / call.x.size(0);
  for_each_image(call.x, [&](int64_t n, auto type) {
    using T = decltype(type);
    const int64_t row = n * call.options.groups;
    group_norm_apply<T>(call.image(n), pointer<T>(call.x) + n * size,
                        pointer<float>(statistics.mean) + row,
                        pointer<float>(statistics.rstd) + row, pointer<T>(y) + n * size);
  });
  return y;
}

GroupNormInputGradients group_norm_backward(const GroupNormInputs& inputs,
                                            const GroupNormStatistics& statistics,
                                            const torch::Tensor& dy) {
  RECORD_FUNCTION("ddpm::group_norm_backward", std::vector<c10::IValue>());
  const auto call = make_call(inputs);
  const auto dense = dy.to(call.x.scalar_type()).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto rows = backward_images(call, dense, statistics);
  GroupNormInputGradients gradients;
  gradients.x = rows.x;
  spread_row_gradients(call, rows, gradients);
  const auto& [shift, scale_shift] = inputs.modulation;
  if (shift.defined()) gradients.shift = rows.shift.to(shift.scalar_type());
  if (scale_shift.defined()) {
    gradients.scale_shift = gradients.scale_shift.to(scale_shift.scalar_type());
  }
  return gradients;
}

}  // namespace ddpm
