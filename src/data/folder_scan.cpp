#include "ddpm/data/folder_scan.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "ddpm/data/image_format.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kSplits = {"train", "test", "val", "validation"};

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

bool is_image(const fs::directory_entry& entry) {
  return is_read_image(entry.path()) && !is_hidden(entry.path()) &&
         (entry.is_regular_file() || !entry.exists());  // dangling links too
}

bool is_split(const std::string& name) {
  return std::find(kSplits.begin(), kSplits.end(), name) != kSplits.end();
}

void sort_by_bytes(std::vector<fs::path>& paths) {
  std::sort(paths.begin(), paths.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
}

std::vector<std::string> sub_folders(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && !is_hidden(entry.path())) {
      names.push_back(entry.path().filename().string());
    }
  }
  return names;
}

std::vector<fs::path> images_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_image(entry)) files.push_back(entry.path());
  }
  sort_by_bytes(files);
  return files;
}

std::vector<fs::path> images_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(folder); it != fs::end(it); ++it) {
    if (is_hidden(it->path())) {
      it.disable_recursion_pending();
    } else if (is_image(*it)) {
      files.push_back(it->path());
    }
  }
  sort_by_bytes(files);
  return files;
}

// The folders of the splits, or `root` alone if it has none.
std::vector<fs::path> split_folders(const fs::path& root) {
  const std::vector<std::string> names = sub_folders(root);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool only_splits = !names.empty() && std::all_of(names.begin(), names.end(), is_split) &&
                           images_in(root).empty();
  if (!only_splits && !(has("train") && has("test"))) return {root};
  std::vector<fs::path> folders;
  for (const std::string& name : names) {
    if (is_split(name)) folders.push_back(root / name);
  }
  return folders;
}

fs::path folder_of(const fs::path& root, const std::string& split,
                   const std::vector<fs::path>& folders) {
  if (folders.front() == root && split == "train") return root;
  const auto found = std::find(folders.begin(), folders.end(), root / split);
  if (found != folders.end()) return *found;
  throw DataError(root.string(), ": expected a sub-folder ", split, " in it, found none");
}

}  // namespace

FolderListing scan_folder(const fs::path& root, const std::string& split) {
  const std::vector<fs::path> folders = split_folders(root);
  const fs::path folder = folder_of(root, split, folders);
  std::set<std::string> classes;
  for (const fs::path& each : folders) {
    for (const std::string& name : sub_folders(each)) {
      if (!images_below(each / name).empty()) classes.insert(name);
    }
  }
  FolderListing listing{images_in(folder), {}, {classes.begin(), classes.end()}};
  if (!listing.files.empty() && !classes.empty()) {
    throw DataError(folder.string(),
                    ": expected images in sub-folders or beside them, found both (",
                    listing.files.front().filename().string(), " and ", *classes.begin(), "/)");
  }
  for (const std::string& name : classes) {
    if (!fs::is_directory(folder / name)) continue;
    const std::vector<fs::path> files = images_below(folder / name);
    const auto number = std::distance(classes.begin(), classes.find(name));
    listing.files.insert(listing.files.end(), files.begin(), files.end());
    listing.labels.insert(listing.labels.end(), files.size(), number);
  }
  if (listing.files.empty()) {
    throw DataError(folder.string(), ": expected ", read_image_endings(), " files, found none");
  }
  return listing;
}

}  // namespace ddpm
