#pragma once

#include <filesystem>
#include <memory>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens an `.npz` file of images and labels: guided-diffusion's `arr_0` and `arr_1`, MedMNIST's
/// `train_images`, Keras' `x_train` and others that `find_npz_keys` knows; or a `.npy` file, whose
/// images have no labels. Shapes and values are those of `ArrayImages` and `array_labels`.
/// `NoSplitError` if there is no such split, `DataError` if the arrays are missing or of another
/// kind.
std::unique_ptr<Dataset> open_npz(const DataConfig& config, const std::filesystem::path& file);

}  // namespace ddpm
