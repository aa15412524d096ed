#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// What lies in a folder of images, or in an archive of them. All names are relative to it, have
/// `/` between their parts, and are ordered by their bytes.
struct FileTree {
  std::vector<std::string> images;   // files that are read, and links of such names to nothing
  std::vector<std::string> lists;    // metadata.csv, metadata.jsonl and dataset.json
  std::vector<std::string> others;   // all other files
  std::vector<std::string> folders;  // at any depth
  std::vector<std::string> runs;     // folders of runs of this program, which are not looked into
  std::vector<std::string> loops;    // links to a folder that they lie in, which are not followed
};

/// Finds everything below `root`, through links too. An image is told by its ending
/// (`is_read_image`), and by its header if it has none.
///
/// Hidden files and folders, and what systems leave behind (`__MACOSX`, `Thumbs.db`, `lost+found`
/// and their like), are passed over. So are runs of this program: folders with `config.yaml` and
/// `checkpoints/` or with `metrics.jsonl`, a folder `runs` that holds such, and `samples` that one
/// has drawn. `DataError` if there are more than a million folders,
/// `std::filesystem::filesystem_error` if one cannot be read.
FileTree walk_folder(const std::filesystem::path& root);

/// The same for the files of an archive, of which the names are known alone.
FileTree tree_of_names(const std::vector<std::string>& names);

/// How many files there are of each ending, which is given in small letters (`.webp`) and "" for
/// files without one.
std::map<std::string, int64_t> count_endings(const std::vector<std::string>& names);

/// "5 files (3 .txt, 1 .webp, 1 without ending)".
std::string describe_endings(const std::map<std::string, int64_t>& counts);

}  // namespace ddpm
