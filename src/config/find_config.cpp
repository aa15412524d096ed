#include "ddpm/config/find_config.h"

#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "ddpm/config/setting_value.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr auto kExtension = ".yaml";

std::vector<fs::path> config_folders(const fs::path& executable) {
  std::error_code ignored;  // the path as it is then serves as well
  const auto real = fs::weakly_canonical(executable, ignored);
  const auto bin = (real.empty() ? executable : real).parent_path();
  return {"configs", (bin / "../share/ddpm/configs").lexically_normal(),
          (bin / "../configs").lexically_normal()};
}

bool is_file(const fs::path& path) {
  std::error_code none;  // what cannot be looked at is not there
  return fs::exists(path, none) && !fs::is_directory(path, none);
}

std::optional<fs::path> with_or_without_extension(const fs::path& path) {
  if (is_file(path)) return path;
  fs::path extended = path;
  extended += kExtension;
  if (is_file(extended)) return extended;
  return std::nullopt;
}

std::vector<std::string> known_names(const std::vector<fs::path>& folders) {
  std::set<std::string> names;
  for (const auto& folder : folders) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (entry.path().extension() == kExtension) names.insert(entry.path().stem().string());
  }
  return {names.begin(), names.end()};
}

/// Settings files in the folder where `name` would lie.
std::vector<std::string> files_beside(const fs::path& name) {
  std::vector<std::string> files;
  std::error_code none;
  const auto folder = name.has_parent_path() ? name.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.path().extension() == kExtension || entry.path().extension() == ".yml")
      files.push_back(entry.path().filename().string());
  return files;
}

/// Of a path, not a name: what is like it lies beside it.
[[noreturn]] void fail_no_file(const std::string& name, const std::vector<std::string>& known) {
  const fs::path path(name);
  const auto shown = printable(name);
  if (fs::is_directory(path)) throw UserError("`config` ", shown, ": is a folder, expected a file");
  const auto files = files_beside(path);
  if (!files.empty()) {
    const auto like = path.parent_path() / nearest(path.filename().string(), files);
    throw UserError("`config` ", shown, ": no such file; did you mean '", like.string(), "'?");
  }
  std::error_code none;
  const bool no_folder = path.has_parent_path() && !fs::is_directory(path.parent_path(), none);
  throw UserError("`config` ", shown, ": no such ", no_folder ? "folder" : "file",
                  known.empty() ? "" : "; configs known by name: " + join(known));
}

[[noreturn]] void fail_unknown(const std::string& name, const std::vector<std::string>& known) {
  const auto shown = printable(name);
  if (known.empty())
    throw UserError("`config`: no file '", shown, "', and no configs are installed");
  const auto stem = fs::path(name).stem().string();
  throw UserError("`config`: unknown config '", shown, "'; did you mean '", nearest(stem, known),
                  "'? expected a file or one of ", join(known));
}

}  // namespace

fs::path executable_path() {
  std::error_code code;
  return fs::read_symlink("/proc/self/exe", code);
}

fs::path find_config(const std::string& name, const fs::path& executable) {
  const auto folders = config_folders(executable);
  std::vector<fs::path> places = {name};
  for (const auto& folder : folders)
    places.push_back(folder / name);
  for (const auto& place : places)
    if (const auto found = with_or_without_extension(place)) return *found;
  if (name.find('/') != name.npos) fail_no_file(name, known_names(folders));
  fail_unknown(name, known_names(folders));
}

}  // namespace ddpm
