#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ddpm {

/// The image files of a folder, class by class, by name within a class.
struct FolderListing {
  std::vector<std::filesystem::path> files;
  std::vector<int64_t> labels;           // one for each file; empty if there are no classes
  std::vector<std::string> class_names;  // empty if there are no classes
};

/// Finds the files of a split whose names end as images that are read do (`is_read_image`). Hidden
/// files are ignored; names are ordered by their bytes.
///
/// Classes are the sub-folders that hold images, at any depth; without any, the folder's own images
/// have no classes. The folder has splits if it holds both `train` and `test`, or no sub-folders
/// but `train`, `test`, `val` and `validation`; classes are then numbered over all splits together,
/// so that a number means the same in each. Without splits, all images are of the split `train`.
///
/// `DataError` if there are no images, no such split, or images both beside and in sub-folders.
FolderListing scan_folder(const std::filesystem::path& root, const std::string& split);

}  // namespace ddpm
