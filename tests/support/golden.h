#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/safetensors.h"
#include "tests/support/tiny_model.h"

namespace ddpm {

/// A file or folder of tests/data.
inline std::filesystem::path test_data(const std::string& name) {
  return std::filesystem::path(DDPM_TEST_DATA) / name;
}

/// The checkpoints of tests/data/unet, made by real diffusers.
inline const std::vector<std::string>& golden_unets() {
  static const std::vector<std::string> names{
      "old_root",  "grey_attention", "resnet_blocks",  "class_scale_shift",
      "bare_wide", "float16",        "bfloat16_class", "mixed_tall"};
  return names;
}

/// Largest difference, relative to the largest reference value.
inline double relative_difference(const torch::Tensor& ours, const torch::Tensor& reference) {
  return ((ours - reference).abs().max() / reference.abs().max()).item<double>();
}

/// A tensor of `tensors`, undefined if it is not there.
inline torch::Tensor find(const NamedTensors& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? torch::Tensor() : found->second;
}

}  // namespace ddpm
