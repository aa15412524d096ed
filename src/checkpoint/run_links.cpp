#include "ddpm/checkpoint/run_links.h"

#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kLongestLinkText = 255;
constexpr const char* kSums = "checksums.json";

std::error_code make_symlink(const std::string& name, const fs::path& link) {
  std::error_code code;
  fs::create_symlink(name, link, code);
  return code;
}

/// The one name that a small file holds; empty for other files.
std::string name_in(const fs::path& file) {
  std::error_code none;
  if (!fs::is_regular_file(file, none) || fs::file_size(file, none) > kLongestLinkText + 1) return {};
  try {
    const auto text = read_file(file, kLongestLinkText + 1);
    const std::string name(trim(text));
    const bool plain = is_plain_text(name) && name.find('/') == name.npos;
    return plain && !name.starts_with('.') ? name : "";
  } catch (const DataError&) {  // it is then no name either
    return {};
  }
}

std::string sums_of(const fs::path& folder) {
  std::error_code none;
  const auto file = folder / kSums;
  return fs::is_regular_file(file, none) ? read_file(file) : "";
}

/// The checkpoint beside `folder` that it is a copy of; empty if there is none.
fs::path original_of(const fs::path& folder) {
  std::error_code none;
  const auto sums = sums_of(folder);
  if (sums.empty()) return {};
  for (const auto& entry : fs::directory_iterator(folder.parent_path(), none)) {
    const bool other = entry.is_directory() && !entry.is_symlink() &&
                       entry.path().filename() != folder.filename() &&
                       entry.path().filename().string().starts_with("step-");
    if (other && sums_of(entry.path()) == sums) return entry.path();
  }
  return {};
}

}  // namespace

fs::path pointed_at(const fs::path& path) {
  std::error_code none;
  if (fs::is_symlink(path, none)) return fs::read_symlink(path, none);
  return name_in(path);
}

RunLinks::RunLinks(MakeLink make_link)
    : make_link_(make_link ? std::move(make_link) : make_symlink) {}

void RunLinks::warn(const fs::path& path, const std::string& what) {
  if (warned_.insert(path).second) log_warning(path.string() + ": " + what);
}

/// Whether `path` is free for a link.
bool RunLinks::make_way(const fs::path& path) {
  if (!fs::exists(fs::symlink_status(path)) || !pointed_at(path).empty()) return true;
  const auto original = fs::is_directory(path) ? original_of(path) : fs::path();
  if (original.empty()) {
    warn(path, "is no link but a real file or folder; it is left alone, and nothing points at " +
                   std::string("the newest or best; remove or rename it to have the link"));
    return false;
  }
  const auto aside = unused_path(path.string() + ".copy");
  fs::rename(path, aside);
  warn(path, "is a copy of " + original.filename().string() + ", not a link; it is now " +
                 aside.filename().string() + " and can be removed");
  return true;
}

void RunLinks::make(const fs::path& path, const std::string& name) {
  const auto temporary = temporary_beside(path);
  std::error_code none;
  fs::remove(temporary, none);
  const auto refused = make_link_(name, temporary);
  if (!refused) return fs::rename(temporary, path);
  write_file_atomic(path, name + "\n");
  warn(path, "there are no links here (" + refused.message() + "), so it is a file with the name");
}

void RunLinks::point(const fs::path& path, const std::string& name) {
  try {
    if (pointed_at(path) == name || !make_way(path)) return;
    make(path, name);
  } catch (const fs::filesystem_error& error) {
    warn(path, "cannot point at " + name + ": " + error.code().message());
  } catch (const UserError& error) {
    warn(path, "cannot point at " + name + ": " + error.what());
  }
}

}  // namespace ddpm
