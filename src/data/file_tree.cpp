#include "ddpm/data/file_tree.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <sys/stat.h>

#include "ddpm/data/image_format.h"
#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxFolders = 1'000'000;
constexpr auto kListNames =
    std::to_array<std::string_view>({"metadata.csv", "metadata.jsonl", "dataset.json"});
constexpr auto kLitter =
    std::to_array<std::string_view>({"__macosx", "lost+found", "@eadir", "#recycle", "@recycle",
                                     "$recycle.bin", "system volume information", "__pycache__",
                                     "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"});

bool is_passed_over(const std::string& name) {
  return name.starts_with('.') || std::ranges::count(kLitter, lower_case(name)) > 0;
}

std::string ending_of(const std::string& name) {
  return lower_case(fs::path(name).extension().string());
}

bool is_list(const std::string& name) {
  return std::ranges::count(kListNames, name) > 0;
}

bool begins_as_image(const fs::path& file) {
  try {
    probe_image_file(file);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

bool is_image_file(const fs::directory_entry& entry) {
  std::error_code code;
  const bool regular = entry.is_regular_file(code);
  if (is_read_image(entry.path())) return regular || !entry.exists(code);
  return regular && !entry.path().has_extension() && begins_as_image(entry.path());
}

bool is_run(const fs::path& folder) {
  return fs::exists(folder / "metrics.jsonl") ||
         (fs::exists(folder / "config.yaml") && fs::is_directory(folder / "checkpoints"));
}

// A sample grid is called step-000500.png.
bool is_grid(const std::string& name) {
  constexpr std::string_view kDigits = "0123456789";
  return name.starts_with("step-") && name.ends_with(".png") && name.size() >= 15 &&
         name.find_first_not_of(kDigits, 5) == name.size() - 4;
}

bool holds_what_a_run_made(const fs::path& folder) {
  if (is_run(folder)) return true;
  const auto name = folder.filename();
  if (name != "runs" && name != "samples") return false;
  return std::ranges::any_of(fs::directory_iterator(folder), [&](const auto& entry) {
    return name == "runs" ? entry.is_directory() && is_run(entry.path())
                          : is_grid(entry.path().filename().string());
  });
}

// What a folder is, whatever links lead to it.
using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const fs::path& folder) {
  struct stat status = {};
  if (::stat(folder.c_str(), &status) != 0)
    throw fs::filesystem_error("", folder, std::error_code(errno, std::generic_category()));
  return {status.st_dev, status.st_ino};
}

class FolderWalk {
 public:
  explicit FolderWalk(const fs::path& root) {
    const auto whole = fs::canonical(root);
    for (auto above = whole.parent_path(); !chain_.contains(id_of(above));
         above = above.parent_path()) {
      chain_.insert(id_of(above));
    }
    enter(whole, "");
  }

  FileTree take() { return std::move(tree_); }

 private:
  void enter(const fs::path& folder, const std::string& prefix) {
    const auto id = id_of(folder);
    if (++folders_ > kMaxFolders)
      throw DataError(folder.string(), ": is one of more than ", kMaxFolders, " folders");
    chain_.insert(id);
    std::vector<fs::directory_entry> entries(fs::directory_iterator(folder), {});
    std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().native(); });
    for (const auto& entry : entries)
      take_entry(entry, prefix + entry.path().filename().string());
    chain_.erase(id);
  }

  void take_entry(const fs::directory_entry& entry, const std::string& name) {
    const auto last = entry.path().filename().string();
    std::error_code code;
    if (is_passed_over(last)) return;
    if (entry.is_directory(code)) {
      take_folder(entry.path(), name);
    } else if (is_image_file(entry)) {
      tree_.images.push_back(name);
    } else {
      (is_list(last) ? tree_.lists : tree_.others).push_back(name);
    }
  }

  void take_folder(const fs::path& folder, const std::string& name) {
    if (chain_.contains(id_of(folder))) {
      tree_.loops.push_back(name);
    } else if (holds_what_a_run_made(folder)) {
      tree_.runs.push_back(name);
    } else {
      tree_.folders.push_back(name);
      enter(folder, name + "/");
    }
  }

  FileTree tree_;
  std::set<FolderId> chain_;  // the folder that is read, and those it lies in
  int64_t folders_ = 0;
};

void sort_names(FileTree& tree) {
  for (auto* names : {&tree.images, &tree.lists, &tree.others, &tree.folders})
    std::ranges::sort(*names);
}

// Whether a name of an archive, or a folder it lies in, is passed over; so are names that lead out
// of it.
bool is_passed_over_in_archive(const fs::path& name) {
  return name.is_absolute() ||
         std::ranges::any_of(name, [](const auto& part) { return is_passed_over(part.string()); });
}

}  // namespace

FileTree walk_folder(const fs::path& root) {
  auto tree = FolderWalk(root).take();
  sort_names(tree);
  return tree;
}

FileTree tree_of_names(const std::vector<std::string>& names) {
  FileTree tree;
  std::set<std::string> folders;
  for (const auto& name : names) {
    const bool is_file = !name.ends_with('/');
    if (is_passed_over_in_archive(is_file ? name : name.substr(0, name.size() - 1))) continue;
    for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
      folders.insert(name.substr(0, at));
    if (!is_file) continue;
    const auto last = fs::path(name).filename().string();
    (is_read_image(last) ? tree.images : is_list(last) ? tree.lists : tree.others).push_back(name);
  }
  tree.folders.assign(folders.begin(), folders.end());
  sort_names(tree);
  return tree;
}

std::map<std::string, int64_t> count_endings(const std::vector<std::string>& names) {
  std::map<std::string, int64_t> counts;
  for (const auto& name : names)
    ++counts[ending_of(name)];
  return counts;
}

std::string describe_endings(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<int64_t, std::string>> kinds;
  int64_t files = 0;
  for (const auto& [ending, count] : counts) {
    files += count;
    kinds.emplace_back(-count, ending.empty() ? "without ending" : ending);
  }
  std::ranges::sort(kinds);
  std::vector<std::string> words;
  for (const auto& [count, ending] : kinds)
    words.push_back(std::to_string(-count) + " " + ending);
  return std::to_string(files) + (files == 1 ? " file (" : " files (") + join(words) + ")";
}

}  // namespace ddpm
