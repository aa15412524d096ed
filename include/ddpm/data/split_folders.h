#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/data/file_tree.h"

namespace ddpm {

/// Where in a tree the splits lie.
struct SplitFolders {
  std::map<std::string, std::string> folders;  // by split: "" for the whole tree, else "Train/"
  std::vector<std::string> beside;             // folders and files that are in no split
};

/// Finds the folders of the splits, by any name that people give them; all is `train` where there
/// are none. See `scan_files`.
SplitFolders find_split_folders(const FileTree& tree);

/// The part of `name` before its first `/`; empty if it has none.
std::string_view first_folder(std::string_view name);

/// The names that begin with `prefix`, without it.
std::vector<std::string> names_below(const std::vector<std::string>& names,
                                     std::string_view prefix);

}  // namespace ddpm
