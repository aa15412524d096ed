#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// Which arrays of an `.npz` are the images of a split, and their labels.
struct NpzKeys {
  std::string images;  // "" if there are none
  std::string labels;  // likewise
};

/// Finds them by the words that people use: `arr_0` and `arr_1`; `images`, `image`, `imgs`, `img`,
/// `x`, `data` or `samples`, with `labels`, `label`, `y`, `targets`, `target` or `classes`; each
/// also with the name of a split before or behind it (`train_images`, `x_test`, `val_labels`; see
/// `split_of_name`), or that name alone for images. Capital letters do not matter. Keys with splits
/// go before keys without, which are those of `train`.
NpzKeys find_npz_keys(const std::vector<std::string>& keys, std::string_view split);

/// Whether any of the keys is that of images, of whatever split.
bool has_image_keys(const std::vector<std::string>& keys);

/// What is looked for, as a message tells it.
std::string_view expected_npz_keys();

}  // namespace ddpm
