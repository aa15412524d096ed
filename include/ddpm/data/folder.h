#pragma once

#include <filesystem>
#include <memory>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens a folder or a zip archive of image files, found as `scan_files` tells. They are decoded
/// into memory, or, where that takes more than `data.memory_limit_gb`, whenever they are read.
///
/// Without `data.image_size`, the first file says how large images are, and a file of another size
/// is refused. Without `data.channels`, images are in colour if any is. With `data.skip_bad`, a
/// broken file is left out in memory; while streaming, the next good file of its class stands in
/// for it (after the last comes the first), which depends on nothing but the files. Without it,
/// `DataError` names the broken file. A warning says if images of 16 bits are nearly black; while
/// streaming, a few files are looked at for it.
std::unique_ptr<Dataset> open_folder(const DataConfig& config, const std::filesystem::path& root);

}  // namespace ddpm
