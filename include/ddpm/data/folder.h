#pragma once

#include <filesystem>
#include <memory>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens a folder of image files, found as `scan_folder` tells. They are decoded into memory, or,
/// where that takes more than `data.memory_limit_gb`, whenever they are read.
///
/// Without `data.channels` or `data.image_size`, the first file says what images look like, and a
/// file of another size is refused. With `data.skip_bad`, a broken file is left out in memory;
/// while streaming, the next good file of its class stands in for it (after the last comes the
/// first), which depends on nothing but the files. Without it, `DataError` names the broken file. A
/// warning says if images of 16 bits are nearly black; while streaming, a few files are looked at
/// for it.
std::unique_ptr<Dataset> open_folder(const DataConfig& config, const std::filesystem::path& root);

}  // namespace ddpm
