#include "ddpm/data/scan_warnings.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "ddpm/data/image_format.h"
#include "ddpm/data/split_names.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Lines = std::vector<std::string>;

// "a, b, c and 7 more", so that a line stays one.
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  if (names.size() <= kShown) return join(names);
  return join({names.begin(), names.begin() + kShown}) + " and " +
         std::to_string(names.size() - kShown) + " more";
}

void warn_of_unread_images(const ScannedTree& scanned, Lines& lines) {
  std::vector<std::string> unread;
  for (const auto& name : names_below(scanned.tree.others, scanned.folder))
    if (const auto ending = image_ending(name); ending && !ending->is_read) unread.push_back(name);
  if (unread.empty()) return;
  lines.push_back("images of kinds that are not read are left out: " +
                  describe_endings(count_endings(unread)) + "; convert them to PNG");
}

void warn_of_empty_folders(const ScannedTree& scanned, Lines& lines) {
  std::set<std::string> filled;
  for (const auto& name : names_below(scanned.tree.images, scanned.folder))
    filled.emplace(first_folder(name));
  std::vector<std::string> empty;
  for (const auto& name : names_below(scanned.tree.folders, scanned.folder))
    if (name.find('/') == std::string::npos && !name.empty() && !filled.contains(name))
      empty.push_back(name);
  if (!empty.empty()) lines.push_back("folders without images: " + some_of(empty));
}

void warn_of_split_names(const ScannedTree& scanned, Lines& lines) {
  std::vector<std::string> like;
  for (const auto& name : scanned.classes)
    if (!split_of_name(name).empty()) like.push_back(name);
  if (!like.empty())
    lines.push_back("taken as classes, but called like splits: " + some_of(like) +
                    "; splits lie together in one folder, training images in train/");
}

void warn_of_case(const ScannedTree& scanned, Lines& lines) {
  std::map<std::string, std::string> first;
  for (const auto& name : scanned.classes) {
    const auto [found, is_new] = first.emplace(lower_case(name), name);
    if (!is_new)
      lines.push_back("classes " + found->second + " and " + name + " differ by case alone");
  }
}

void warn_of_untrained(const ScannedTree& scanned, Lines& lines) {
  if (!scanned.splits.folders.contains("train")) return;
  std::vector<std::string> missing;
  std::ranges::set_difference(scanned.classes, scanned.trained, std::back_inserter(missing));
  if (!missing.empty()) lines.push_back("classes without training images: " + some_of(missing));
}

// Folders of images directly inside those of classes.
std::set<std::string> folders_inside(const ScannedTree& scanned) {
  std::set<std::string> inside;
  for (const auto& name : names_below(scanned.tree.images, scanned.folder)) {
    const size_t end = first_folder(name).size();
    if (end > 0) inside.emplace(first_folder(std::string_view(name).substr(end + 1)));
  }
  inside.erase("");
  return inside;
}

void warn_of_folders_inside(const ScannedTree& scanned, Lines& lines) {
  const auto inside = folders_inside(scanned);
  std::vector<std::string> splits;
  for (const auto& name : inside)
    if (!split_of_name(name).empty()) splits.push_back(name);
  if (splits.size() > 1) {
    lines.push_back("folders inside classes are called like splits, but taken together: " +
                    some_of(splits) + "; splits hold classes, not classes splits");
  } else if (scanned.classes.size() == 1 && inside.size() > 1) {
    lines.push_back("there is one class, " + *scanned.classes.begin() + ", with the folders " +
                    some_of({inside.begin(), inside.end()}) +
                    " in it; if these are the classes, data.root is the folder that holds them");
  }
}

}  // namespace

std::vector<std::string> scan_warnings(const ScannedTree& scanned) {
  Lines lines;
  warn_of_unread_images(scanned, lines);
  if (!scanned.splits.beside.empty())
    lines.push_back("left out, as they lie beside the splits: " + some_of(scanned.splits.beside));
  if (!scanned.by_folder) return lines;
  warn_of_empty_folders(scanned, lines);
  warn_of_split_names(scanned, lines);
  warn_of_case(scanned, lines);
  warn_of_untrained(scanned, lines);
  warn_of_folders_inside(scanned, lines);
  return lines;
}

std::vector<std::string> scan_notes(const FileTree& tree) {
  Lines lines;
  if (!tree.runs.empty()) lines.push_back("runs of ddpm are no data: " + some_of(tree.runs));
  if (!tree.loops.empty())
    lines.push_back("links that lead back are not followed: " + some_of(tree.loops));
  return lines;
}

}  // namespace ddpm
