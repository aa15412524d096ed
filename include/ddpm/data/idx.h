#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens a folder of IDX files, or the folder that an IDX file lies in. The images of a split are
/// the file `train-images-idx3-ubyte`, or `t10k-images-idx3-ubyte` for `test`, or else the only
/// file of images whose name tells the split (`emnist-letters-train-images-idx3-ubyte.gz`,
/// `train-images.idx3-ubyte`, `test-images-idx3-ubyte`); each plain or with `.gz`. Labels are in
/// the file with `labels` for `images` and `idx1` for `idx3`; without it, images have no classes,
/// which is told. EMNIST's images, which lie on their sides, are turned upright.
///
/// `NoSplitError` if there are no images of the split, `DataError` if a file is damaged, or several
/// could be meant.
std::unique_ptr<Dataset> open_idx(const DataConfig& config, const std::filesystem::path& root,
                                  const std::vector<std::string>& class_names = {});

/// Whether a file of this name is one of images in IDX.
bool is_idx_name(std::string_view name);

}  // namespace ddpm
