#pragma once

#include <set>
#include <string>
#include <vector>

#include "ddpm/data/file_tree.h"
#include "ddpm/data/split_folders.h"

namespace ddpm {

/// What is known of a folder of images when its classes are.
struct ScannedTree {
  const FileTree& tree;
  const SplitFolders& splits;
  const std::string& folder;             // of the wanted split: "" or "train/"
  const std::set<std::string>& classes;  // in any split
  const std::set<std::string>& trained;  // in the split `train`
  bool by_folder;                        // classes are those of folders
};

/// What its owner may not know and not mean, a line each: images of kinds that are not read,
/// folders without images, folders beside the splits, classes that look like splits or differ by
/// case alone, classes without training images, folders of splits inside classes, one class that
/// holds folders.
std::vector<std::string> scan_warnings(const ScannedTree& scanned);

/// What was passed by on purpose, a line each: runs of this program, links that lead back.
std::vector<std::string> scan_notes(const FileTree& tree);

}  // namespace ddpm
