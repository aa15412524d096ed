#include "ddpm/model/precision.h"

#include <c10/core/MemoryFormat.h>
#include <torch/types.h>

namespace ddpm {

torch::Tensor to_memory_format(const torch::Tensor& images) {
  const auto laid_out = images.contiguous(kMemoryFormat);
  if (images.size(1) > 1) return laid_out;
  return laid_out.as_strided(images.sizes(), c10::get_channels_last_strides_2d(images.sizes()));
}

bool is_bf16_parameter(std::string_view name) {
  return name.find("norm") == std::string_view::npos && !name.starts_with("class_embedding");
}

void convert_parameters(torch::nn::Module& net, Precision precision) {
  if (precision != Precision::kBFloat16) return;
  const torch::NoGradGuard no_grad;
  for (auto& item : net.named_parameters()) {
    if (is_bf16_parameter(item.key())) item.value().set_data(item.value().to(torch::kBFloat16));
  }
}

ComputeParameters::ComputeParameters(torch::nn::Module& net, const FlatLayout& layout,
                                     torch::Tensor flat, Precision precision)
    : layout_(layout),
      parameters_(net.parameters()),
      flat_(std::move(flat)),
      has_copy_(precision == Precision::kBFloat16) {
  bind();
}

void ComputeParameters::bind() {
  auto views = layout_.views(flat_);
  if (copy_.defined()) {
    const auto copies = layout_.views(copy_);
    for (size_t i = 0; i < views.size(); ++i)
      if (is_bf16_parameter(layout_.names()[i])) views[i] = copies[i];
  }
  bind_parameters(parameters_, views);
}

void ComputeParameters::refresh() {
  if (!has_copy_) return;
  const torch::NoGradGuard no_grad;
  if (copy_.defined()) {
    copy_.copy_(flat_);
    return;
  }
  copy_ = flat_.to(torch::kBFloat16);
  bind();
}

void ComputeParameters::release() {
  copy_.reset();
  bind();
}

}  // namespace ddpm
