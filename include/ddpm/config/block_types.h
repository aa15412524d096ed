#pragma once

#include <span>
#include <string_view>

namespace ddpm {

/// What diffusers' words for a level of the U-Net mean, one for the way down and one for that up.
struct BlockType {
  std::string_view down;
  std::string_view up;
  bool attends = false;
  bool resamples_by_resnet = false;  // else as model.downsample_type and upsample_type say
};

/// The words that `model.down_block_types` and `model.up_block_types` can hold.
std::span<const std::string_view> down_block_types();
std::span<const std::string_view> up_block_types();

/// The row of a word for either way. `UserError` for another word.
const BlockType& block_type(std::string_view word);

}  // namespace ddpm
