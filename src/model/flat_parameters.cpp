#include "ddpm/model/flat_parameters.h"

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int64_t kAlignment = 16;  // floats in 64 bytes

std::string shape_text(at::IntArrayRef shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

}  // namespace

FlatLayout::FlatLayout(const torch::nn::Module& module, torch::MemoryFormat format) {
  for (const auto& item : module.named_parameters()) {
    const auto& parameter = item.value();
    const auto layout = parameter.dim() == 4 ? format : torch::MemoryFormat::Contiguous;
    const auto shaped =
        torch::empty(parameter.sizes(), torch::device(torch::kMeta)).contiguous(layout);
    names_.push_back(item.key());
    slots_.push_back({size_, parameter.sizes().vec(), shaped.strides().vec()});
    size_ += (parameter.numel() + kAlignment - 1) / kAlignment * kAlignment;
  }
}

std::vector<torch::Tensor> FlatLayout::views(const torch::Tensor& flat) const {
  TORCH_CHECK(flat.numel() == size_, "flat tensor has another size than the layout");
  std::vector<torch::Tensor> views;
  views.reserve(slots_.size());
  for (const auto& slot : slots_)
    views.push_back(flat.as_strided(slot.sizes, slot.strides, flat.storage_offset() + slot.offset));
  return views;
}

NamedTensors FlatLayout::named_views(const torch::Tensor& flat) const {
  NamedTensors named;
  const auto all = views(flat);
  for (size_t i = 0; i < all.size(); ++i)
    named.emplace(names_[i], all[i]);
  return named;
}

void FlatLayout::load(const torch::Tensor& flat, const NamedTensors& tensors,
                      const std::string& origin) const {
  const torch::NoGradGuard no_grad;
  auto targets = named_views(flat);
  for (const auto& [name, target] : targets) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw CheckpointError(origin, ": tensor '", name, "' is missing");
    if (found->second.sizes() != target.sizes()) {
      throw CheckpointError(origin, ": tensor '", name, "' has the wrong shape, expected ",
                            shape_text(target.sizes()), ", got ",
                            shape_text(found->second.sizes()));
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!targets.contains(name)) {
      throw CheckpointError(origin, ": tensor '", name, "' is not part of the model");
    }
  }
  for (auto& [name, target] : targets)
    target.copy_(tensors.at(name));
}

void bind_parameters(torch::nn::Module& module, const FlatLayout& layout, const torch::Tensor& flat,
                     bool keep_values) {
  const torch::NoGradGuard no_grad;
  const auto views = layout.views(flat);
  const auto parameters = module.parameters();
  for (size_t i = 0; i < views.size(); ++i) {
    if (keep_values) views[i].copy_(parameters[i]);
    parameters[i].set_data(views[i]);
  }
}

void bind_gradients(torch::nn::Module& module, const FlatLayout& layout,
                    const torch::Tensor& flat) {
  const auto views = layout.views(flat);
  const auto parameters = module.parameters();
  for (size_t i = 0; i < views.size(); ++i)
    parameters[i].mutable_grad() = views[i];
}

}  // namespace ddpm
