#include "ddpm/config/block_types.h"

#include <algorithm>
#include <array>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr auto kBlockTypes = std::to_array<BlockType>({
    {.down = "DownBlock2D", .up = "UpBlock2D"},
    {.down = "AttnDownBlock2D", .up = "AttnUpBlock2D", .attends = true},
    {.down = "ResnetDownsampleBlock2D", .up = "ResnetUpsampleBlock2D", .resamples_by_resnet = true},
});

using Words = std::array<std::string_view, kBlockTypes.size()>;

constexpr Words words_of(std::string_view BlockType::*way) {
  Words words = {};
  std::ranges::transform(kBlockTypes, words.begin(), way);
  return words;
}

constexpr Words kDown = words_of(&BlockType::down);
constexpr Words kUp = words_of(&BlockType::up);

}  // namespace

std::span<const std::string_view> down_block_types() {
  return kDown;
}

std::span<const std::string_view> up_block_types() {
  return kUp;
}

const BlockType& block_type(std::string_view word) {
  for (const auto& row : kBlockTypes)
    if (row.down == word || row.up == word) return row;
  throw UserError("unknown block type ", word);
}

}  // namespace ddpm
