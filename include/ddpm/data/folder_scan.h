#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/image_files.h"

namespace ddpm {

/// The images of a split, class by class, by name within a class, and what was left out of it.
struct FolderListing {
  std::vector<std::string> files;        // names in the tree
  std::vector<int64_t> labels;           // one for each file; empty if there are no classes
  std::vector<std::string> class_names;  // empty if classes have numbers only, or there are none
  int64_t num_classes = 0;
  std::map<std::string, int64_t> left_out;  // files that are no images, by their ending
  std::vector<std::string> notes;           // for people: what was taken, and what left out
  std::vector<std::string> warnings;        // likewise: what may not be meant so
};

/// Finds the images of `data.split` and their classes by `data.labels`. Names are ordered by their
/// bytes.
///
/// The tree has splits if it holds a folder of training images and one of another part, or nothing
/// but folders of parts, by any name that `split_of_name` knows; what lies beside them is left out.
/// Without splits, all images are of the split `train`. Classes are numbered over all splits
/// together, so that a number means the same in each.
///
/// Classes are those of a list in the split's folder or beside the splits (`label_list.h`); else
/// the sub-folders that hold images, at any depth, and without any, the images have no classes.
///
/// `NoSplitError` if there is no such split; `DataError` if there are no images, images both beside
/// and in folders of classes, or a list or a file's name that tells no class.
FolderListing scan_files(const ImageFiles& files, const DataConfig& config);

}  // namespace ddpm
