#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens a folder with the four files of MNIST, `train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or
/// with `.gz`. `t10k` is the split `test`. `DataError` if a file is missing or damaged.
std::unique_ptr<Dataset> open_idx(const DataConfig& config, const std::filesystem::path& root,
                                  const std::vector<std::string>& class_names = {});

}  // namespace ddpm
