#include "ddpm/eval/cache.h"

#include <cstdlib>

#include "ddpm/util/error.h"

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
  if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / "ddpm";
  throw UserError("no place for cached statistics: neither XDG_CACHE_HOME nor HOME is set");
}

fs::path cache_file(const std::string& area, const std::string& name) {
  const auto folder = cache_folder() / area;
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw DiskError(folder.string(), ": cannot make the folder: ", code.message());
  return folder / name;
}

}  // namespace ddpm
