#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/checkpoint/safetensors.h"

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

/// A U-Net that is quick to run: 8x8 grey images, two levels, attention, three classes and null.
inline ModelConfig tiny_model() {
  ModelConfig model;
  model.block_out_channels = {8, 16};
  model.layers_per_block = 1;
  model.down_block_types = {"DownBlock2D", "AttnDownBlock2D"};
  model.up_block_types = {"AttnUpBlock2D", "UpBlock2D"};
  model.norm_num_groups = 4;
  model.class_conditional = true;
  model.in_channels = 1;
  model.out_channels = 1;
  model.sample_size = {8, 8};
  model.num_class_embeds = 4;
  model.null_class_label = 3;
  return model;
}

}  // namespace ddpm
