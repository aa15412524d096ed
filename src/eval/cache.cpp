#include "ddpm/eval/cache.h"

#include <cstdlib>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

fs::path variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

}  // namespace

fs::path cache_folder() {
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "ddpm";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "ddpm";
  return {};
}

fs::path cache_file(const std::string& area, const std::string& name) {
  const auto cache = cache_folder();
  if (cache.empty())
    throw DiskError("no place for a cache: neither XDG_CACHE_HOME nor HOME is set");
  const auto folder = cache / area;
  make_folder(folder);
  remove_leftovers(folder, Leftovers::kOld);
  return folder / name;
}

fs::path optional_cache_file(const std::string& area, const std::string& name) {
  try {
    return cache_file(area, name);
  } catch (const DiskError&) {
    return {};
  }
}

void warn_without_cache() {
  try {
    cache_file("statistics", "");
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; going on without");
  }
}

bool keep_partial(const fs::path& partial, const std::function<void()>& write) {
  if (partial.empty()) return false;
  try {
    write();
    return true;
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) +
                "; what is done is lost if this does not come to its end");
    return false;
  }
}

}  // namespace ddpm
