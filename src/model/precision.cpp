#include "ddpm/model/precision.h"

#include <c10/core/MemoryFormat.h>
#include <torch/types.h>

namespace ddpm {

torch::Tensor to_memory_format(const torch::Tensor& images) {
  const auto laid_out = images.contiguous(kMemoryFormat);
  if (images.size(1) > 1) return laid_out;
  return laid_out.as_strided(images.sizes(), c10::get_channels_last_strides_2d(images.sizes()));
}

bool is_bf16(ParameterRole role) {
  return role != ParameterRole::kEmbedding && role != ParameterRole::kNormScale &&
         role != ParameterRole::kNormShift;
}

void convert_parameters(NetworkImpl& net, Precision precision) {
  if (precision != Precision::kBFloat16) return;
  const torch::NoGradGuard no_grad;
  const auto roles = parameter_roles(net);
  const auto parameters = net.parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    if (is_bf16(roles[i])) parameters[i].set_data(parameters[i].to(torch::kBFloat16));
}

ComputeParameters::ComputeParameters(NetworkImpl& net, const FlatLayout& layout, torch::Tensor flat,
                                     Precision precision)
    : layout_(layout),
      parameters_(net.parameters()),
      roles_(parameter_roles(net)),
      flat_(std::move(flat)),
      has_copy_(precision == Precision::kBFloat16) {
  bind();
}

void ComputeParameters::bind() {
  auto views = layout_.views(flat_);
  if (copy_.defined()) {
    const auto copies = layout_.views(copy_);
    for (size_t i = 0; i < views.size(); ++i)
      if (is_bf16(roles_[i])) views[i] = copies[i];
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
