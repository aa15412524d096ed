#pragma once

#include <optional>

#include <torch/autograd.h>

#include "ddpm/kernels/group_norm_passes.h"

namespace ddpm {

/// What an autograd function keeps of a group normalization.
struct SavedGroupNorm {
  GroupNormInputs inputs;
  GroupNormStatistics statistics;
};

/// Saves it for the backward pass, with `more` tensors behind.
void save_group_norm(torch::autograd::AutogradContext& context, const SavedGroupNorm& norm,
                     const torch::autograd::variable_list& more = {});

/// Tensors that `save_group_norm` puts before `more`.
inline constexpr size_t kGroupNormTensors = 7;

/// Reads it from the context's saved tensors.
SavedGroupNorm load_group_norm(torch::autograd::AutogradContext& context,
                               const torch::autograd::variable_list& saved);

/// A tensor as autograd functions take those that may be undefined.
std::optional<torch::Tensor> if_defined(const torch::Tensor& tensor);

}  // namespace ddpm
