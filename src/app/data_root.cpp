#include "ddpm/app/data_root.h"

#include <system_error>

#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

fs::path folder_above_runs(const fs::path& run) {
  return fs::absolute(clean_path(run)).lexically_normal().parent_path().parent_path();
}

bool stays(const std::string& root, const fs::path& run) {
  return root.empty() || fs::path(root).is_absolute() ||
         folder_above_runs(run) == fs::current_path();
}

}  // namespace

std::string root_of_run(const std::string& root, const fs::path& run) {
  if (stays(root, run)) return root;
  std::error_code code;
  const auto meant = folder_above_runs(run) / root;
  return fs::exists(meant, code) ? clean_path(meant).string() : root;
}

std::string root_for_run(const std::string& root, const fs::path& run) {
  if (stays(root, run)) return root;
  return clean_path(fs::current_path() / root).string();
}

}  // namespace ddpm
