#include "ddpm/model/flat_parameters.h"

#include <c10/core/MemoryFormat.h>
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

/// Strides of a parameter, which say "channels last" even of one channel.
std::vector<int64_t> strides_of(at::IntArrayRef sizes, torch::MemoryFormat format) {
  if (sizes.size() == 4 && format == torch::MemoryFormat::ChannelsLast) {
    return c10::get_channels_last_strides_2d(sizes);
  }
  return torch::empty(sizes, torch::device(torch::kMeta)).strides().vec();
}

}  // namespace

FlatLayout::FlatLayout(const torch::nn::Module& module, torch::MemoryFormat format) {
  for (const auto& item : module.named_parameters()) {
    const auto& parameter = item.value();
    const auto sizes = parameter.sizes();
    names_.push_back(item.key());
    slots_.push_back({size_, sizes.vec(), strides_of(sizes, format)});
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

void bind_parameters(const std::vector<torch::Tensor>& parameters,
                     const std::vector<torch::Tensor>& values) {
  TORCH_CHECK(parameters.size() == values.size(), "as many values as parameters");
  for (size_t i = 0; i < values.size(); ++i)
    parameters[i].set_data(values[i]);
}

void load_parameters(torch::nn::Module& module, const NamedTensors& tensors,
                     const std::string& origin, torch::Device device, torch::MemoryFormat format) {
  const FlatLayout layout(module, format);
  const auto flat = torch::zeros({layout.size()}, torch::device(device));
  layout.load(flat, tensors, origin);
  bind_parameters(module.parameters(), layout.views(flat));
}

void copy_parameters(const torch::nn::Module& module, const FlatLayout& layout,
                     const torch::Tensor& flat) {
  const torch::NoGradGuard no_grad;
  const auto views = layout.views(flat);
  const auto parameters = module.parameters();
  for (size_t i = 0; i < views.size(); ++i)
    views[i].copy_(parameters[i]);
}

std::vector<GradientPart> gradient_parts(torch::nn::Module& module, const FlatLayout& layout) {
  std::vector<GradientPart> parts;
  const auto parameters = module.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& parameter = parameters[i];
    auto gradient = parameter.grad();
    if (!gradient.defined()) gradient = torch::zeros_like(parameter);
    if (gradient.strides() != parameter.strides()) {
      gradient = torch::empty_strided(parameter.sizes(), parameter.strides(), gradient.options())
                     .copy_(gradient);
    }
    parts.push_back({gradient, layout.offset(i)});
  }
  return parts;
}

void take_gradients(torch::nn::Module& module, const FlatLayout& layout, const torch::Tensor& flat,
                    bool add) {
  const torch::NoGradGuard no_grad;
  const auto views = layout.views(flat);
  auto parameters = module.parameters();
  for (size_t i = 0; i < views.size(); ++i) {
    auto& gradient = parameters[i].mutable_grad();
    if (!gradient.defined()) {
      if (!add) views[i].zero_();
      continue;
    }
    if (add) {
      views[i].add_(gradient);
    } else {
      views[i].copy_(gradient);
    }
    gradient.reset();
  }
}

}  // namespace ddpm
