#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "ddpm/kernels/adam.h"
#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// Where each parameter of a net lies within one flat float32 tensor. Optimizer, clipping, EMA and
/// checksums are then one pass over one tensor each. Parameters start at multiples of 64 bytes; the
/// gaps between them stay zero.
class FlatLayout {
 public:
  /// Convolution weights are laid out in `format` (contiguous or channels last).
  FlatLayout(const torch::nn::Module& module, torch::MemoryFormat format);

  int64_t size() const { return size_; }
  const std::vector<std::string>& names() const { return names_; }
  /// Where the parameter `names()[i]` starts in the flat tensor.
  int64_t offset(size_t i) const { return slots_[i].offset; }

  /// One view into `flat` for each parameter, in the order of `names()`.
  std::vector<torch::Tensor> views(const torch::Tensor& flat) const;
  /// The same, by name.
  NamedTensors named_views(const torch::Tensor& flat) const;
  /// Copies `tensors` into `flat`. `CheckpointError` starting with `origin` if one is missing,
  /// unknown or of another shape; `flat` is then unchanged.
  void load(const torch::Tensor& flat, const NamedTensors& tensors,
            const std::string& origin) const;

 private:
  struct Slot {
    int64_t offset = 0;
    std::vector<int64_t> sizes;
    std::vector<int64_t> strides;
  };
  std::vector<std::string> names_;
  std::vector<Slot> slots_;
  int64_t size_ = 0;
};

/// Makes the parameters of a net share the memory of `values`, one for each.
void bind_parameters(const std::vector<torch::Tensor>& parameters,
                     const std::vector<torch::Tensor>& values);

/// Gives the parameters of `module` new memory on `device`, laid out in `format`, with these
/// values. Errors as of `FlatLayout::load`.
void load_parameters(torch::nn::Module& module, const NamedTensors& tensors,
                     const std::string& origin, torch::Device device, torch::MemoryFormat format);

/// Copies the parameters of `module` into `flat`.
void copy_parameters(const torch::nn::Module& module, const FlatLayout& layout,
                     const torch::Tensor& flat);

/// The gradients that a backward pass has left at the parameters of `module`, where they are, with
/// their places in the flat tensor. A parameter without a gradient gets one of zeros.
std::vector<GradientPart> gradient_parts(torch::nn::Module& module, const FlatLayout& layout);

/// Moves the gradients that a backward pass has left at the parameters of `module` into `flat`,
/// added to what is there if `add`; parameters without a gradient count as zero.
void take_gradients(torch::nn::Module& module, const FlatLayout& layout, const torch::Tensor& flat,
                    bool add);

}  // namespace ddpm
