#include "ddpm/data/folder_scan.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "ddpm/data/dataset.h"
#include "ddpm/data/image_format.h"
#include "ddpm/data/label_list.h"
#include "ddpm/data/scan_warnings.h"
#include "ddpm/data/split_folders.h"
#include "ddpm/util/error.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Names = std::vector<std::string>;

constexpr uint64_t kMaxClassNumber = 999'999;

// The files of one split and the text that tells the class of each.
struct SplitFiles {
  Names files;                      // names in the tree
  std::vector<std::string> labels;  // of each; empty: there are no classes
  bool listed = false;              // a list tells the classes
};

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

SplitFiles without_classes(const std::string& prefix, const Names& names) {
  SplitFiles split;
  for (const auto& name : names)
    split.files.push_back(prefix + name);
  return split;
}

SplitFiles by_folder(const std::string& prefix, const Names& names, const std::string& where) {
  SplitFiles split;
  std::string beside;
  for (const auto& name : names) {
    const std::string folder(first_folder(name));
    if (folder.empty()) beside = beside.empty() ? name : beside;
    if (!folder.empty()) split.labels.push_back(folder);
    split.files.push_back(prefix + name);
  }
  if (beside.empty() || split.labels.empty()) return split;
  throw DataError((std::filesystem::path(where) / prefix).string(),
                  ": expected images in sub-folders or beside them, found both (", beside, " and ",
                  split.labels.front(), "/); data.labels none takes all, without classes");
}

SplitFiles by_prefix(const std::string& prefix, const Names& names, const ImageFiles& files) {
  SplitFiles split;
  for (const auto& name : names) {
    const auto last = last_part(name);
    const size_t end = last.find('_');
    if (end == std::string::npos || end == 0)
      throw DataError(files.place(prefix + name),
                      ": expected a name such as dog_0001.png, as data.labels is prefix");
    split.files.push_back(prefix + name);
    split.labels.push_back(last.substr(0, end));
  }
  return split;
}

// A list that lies in the folder `prefix` of the tree.
struct FoundList {
  std::string prefix;
  std::string name;
  LabelList list;
};

// The list of a split: in its folder, or else beside the splits.
std::optional<FoundList> find_list(const ImageFiles& files, const std::string& prefix) {
  for (const auto& folder : {prefix, std::string()}) {
    for (const char* last : {"metadata.jsonl", "metadata.csv", "dataset.json"}) {
      const auto name = folder + last;
      if (std::ranges::count(files.tree().lists, name) == 0) continue;
      return FoundList{folder, name, parse_label_list(last, files.read(name), files.place(name))};
    }
  }
  return std::nullopt;
}

void tell_list(const FoundList& found, size_t unlisted, size_t missing, FolderListing& listing) {
  const auto& columns = found.list.other_columns;
  listing.notes.push_back(found.name + " tells the classes (" + found.list.column + ")" +
                          (columns.empty() ? "" : "; not read: " + join(columns)));
  if (unlisted > 0)
    listing.warnings.push_back(std::to_string(unlisted) + " images are left out, as " + found.name +
                               " does not name them");
  if (missing > 0)
    listing.warnings.push_back(std::to_string(missing) + " files that " + found.name +
                               " names are not there");
}

SplitFiles by_list(const FoundList& found, const std::string& prefix, const Names& names,
                   FolderListing& listing) {
  SplitFiles split;
  const auto& labels = found.list.labels;
  size_t unlisted = 0;
  for (const auto& name : names) {
    const auto file = prefix + name;
    const auto label = labels.find(file.substr(found.prefix.size()));
    if (label == labels.end()) {
      ++unlisted;
    } else {
      split.files.push_back(file);
      split.labels.push_back(label->second);
    }
  }
  split.listed = true;
  const bool whole = found.prefix == prefix;
  tell_list(found, unlisted, whole ? labels.size() - split.files.size() : 0, listing);
  return split;
}

SplitFiles files_of_split(const ImageFiles& files, const std::string& prefix,
                          const DataConfig& config, FolderListing& listing) {
  const auto names = names_below(files.tree().images, prefix);
  if (config.labels == DataLabels::kPrefix) return by_prefix(prefix, names, files);
  if (config.labels == DataLabels::kAuto) {
    const auto found = find_list(files, prefix);
    if (found && !found->list.column.empty()) return by_list(*found, prefix, names, listing);
    if (found)
      listing.notes.push_back(found->name + " tells no classes" +
                              (found->list.other_columns.empty()
                                   ? ""
                                   : "; not read: " + join(found->list.other_columns)));
    // EDM's own tools take no classes from folders then.
    if (found && found->name.ends_with("dataset.json")) return without_classes(prefix, names);
  }
  if (config.labels == DataLabels::kNone) return without_classes(prefix, names);
  return by_folder(prefix, names, files.where());
}

// Numbers of classes as their texts tell them, where all are whole numbers of a list.
std::optional<int64_t> count_numbered(const std::set<std::string>& classes) {
  uint64_t most = 0;
  for (const auto& name : classes) {
    const auto number = parse_number<uint64_t>(name);
    if (!number || *number > kMaxClassNumber || std::to_string(*number) != name)
      return std::nullopt;
    most = std::max(most, *number);
  }
  return static_cast<int64_t>(most) + 1;
}

void number_classes(const std::set<std::string>& classes, bool may_be_numbers,
                    FolderListing& listing) {
  const auto numbered = may_be_numbers ? count_numbered(classes) : std::nullopt;
  if (classes.empty()) return;
  listing.num_classes = numbered.value_or(static_cast<int64_t>(classes.size()));
  if (!numbered) listing.class_names.assign(classes.begin(), classes.end());
}

int64_t number_of_class(const FolderListing& listing, const std::string& label) {
  if (listing.class_names.empty()) return parse_number<int64_t>(label).value_or(-1);
  return std::ranges::lower_bound(listing.class_names, label) - listing.class_names.begin();
}

void take_files(SplitFiles split, FolderListing& listing) {
  if (split.labels.empty()) {
    listing.files = std::move(split.files);
    return;
  }
  std::vector<std::pair<int64_t, std::string>> files;
  for (size_t i = 0; i < split.files.size(); ++i)
    files.emplace_back(number_of_class(listing, split.labels[i]), std::move(split.files[i]));
  std::ranges::sort(files);
  for (auto& [label, name] : files) {
    listing.labels.push_back(label);
    listing.files.push_back(std::move(name));
  }
}

// What the splits hold together.
struct AllSplits {
  SplitFiles wanted;
  std::set<std::string> classes;
  std::set<std::string> trained;  // those of the split `train`
};

AllSplits read_splits(const ImageFiles& files, const SplitFolders& splits, const DataConfig& config,
                      FolderListing& listing) {
  AllSplits all;
  for (const auto& [split, prefix] : splits.folders) {
    FolderListing its_own;
    const bool wanted = split == config.split;
    auto found = files_of_split(files, prefix, config, wanted ? listing : its_own);
    all.classes.insert(found.labels.begin(), found.labels.end());
    if (split == "train") all.trained.insert(found.labels.begin(), found.labels.end());
    if (wanted) all.wanted = std::move(found);
  }
  if (all.wanted.labels.empty()) all.classes.clear();
  return all;
}

std::string what_was_taken(const FolderListing& listing) {
  auto text = "took " + std::to_string(listing.files.size()) + " files";
  if (!listing.labels.empty()) text += " in " + std::to_string(listing.num_classes) + " classes";
  if (listing.left_out.empty()) return text + "; left out: none";
  return text + "; left out: " + describe_endings(listing.left_out);
}

}  // namespace

FolderListing scan_files(const ImageFiles& files, const DataConfig& config) {
  const auto splits = find_split_folders(files.tree());
  const auto own = splits.folders.find(config.split);
  if (own == splits.folders.end())
    throw NoSplitError(files.where(), ": expected a sub-folder ", config.split,
                       " in it, found none");
  FolderListing listing;
  AllSplits all = read_splits(files, splits, config, listing);
  if (all.wanted.files.empty())
    throw DataError((std::filesystem::path(files.where()) / own->second).string(), ": expected ",
                    read_image_endings(), " files, found none");
  const bool listed = all.wanted.listed;
  number_classes(all.classes, listed, listing);
  take_files(std::move(all.wanted), listing);
  listing.left_out = count_endings(names_below(files.tree().others, own->second));
  listing.notes.insert(listing.notes.begin(), what_was_taken(listing));
  for (auto& note : scan_notes(files.tree()))
    listing.notes.push_back(std::move(note));
  const bool by_folder =
      config.labels == DataLabels::kFolder || (config.labels == DataLabels::kAuto && !listed);
  for (auto& line :
       scan_warnings({files.tree(), splits, own->second, all.classes, all.trained, by_folder}))
    listing.warnings.push_back(std::move(line));
  return listing;
}

}  // namespace ddpm
