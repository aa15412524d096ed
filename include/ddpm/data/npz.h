#pragma once

#include <filesystem>
#include <memory>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens an `.npz` file of images as guided-diffusion writes them: `arr_0`, uint8 `[N, H, W, C]`
/// with 1 or 3 channels, or `[N, H, W]` in grey; `arr_1`, if there, one integer label for each.
/// Such a file has no splits. `DataError` if the arrays are missing or of another kind.
std::unique_ptr<Dataset> open_npz(const DataConfig& config, const std::filesystem::path& file);

}  // namespace ddpm
