#include "ddpm/data/split_folders.h"

#include <algorithm>
#include <set>

#include "ddpm/data/split_names.h"

namespace ddpm {
namespace {

// Whether the folders are parts of a dataset rather than classes.
bool are_splits(const std::set<std::string>& folders, bool images_beside) {
  std::set<std::string_view> splits;
  bool all = !folders.empty() && !images_beside;
  for (const auto& name : folders) {
    const auto split = split_of_name(name);
    all = all && !split.empty();
    if (!split.empty()) splits.insert(split);
  }
  return all || (splits.contains("train") && splits.size() > 1);
}

}  // namespace

std::string_view first_folder(std::string_view name) {
  const size_t end = name.find('/');
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

std::vector<std::string> names_below(const std::vector<std::string>& names,
                                     std::string_view prefix) {
  std::vector<std::string> below;
  for (const auto& name : names)
    if (name.starts_with(prefix)) below.push_back(name.substr(prefix.size()));
  return below;
}

SplitFolders find_split_folders(const FileTree& tree) {
  std::set<std::string> folders;
  std::vector<std::string> beside;
  for (const auto& name : tree.images) {
    const auto folder = first_folder(name);
    if (folder.empty()) {
      beside.push_back(name);
    } else {
      folders.emplace(folder);
    }
  }
  if (!are_splits(folders, !beside.empty())) return {{{"train", ""}}, {}};
  std::map<std::string, std::string> chosen;
  for (const auto& name : folders) {
    const std::string split(split_of_name(name));
    const auto [found, is_new] = chosen.emplace(split, name);
    if (!is_new && !split.empty() && is_more_usual(name, found->second)) found->second = name;
  }
  SplitFolders splits{{}, std::move(beside)};
  for (const auto& name : folders) {
    const std::string split(split_of_name(name));
    if (split.empty() || chosen[split] != name) {
      splits.beside.push_back(name + "/");
    } else {
      splits.folders[split] = name + "/";
    }
  }
  return splits;
}

}  // namespace ddpm
