#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <system_error>

namespace ddpm {

/// What `path`, such as `checkpoints/last`, points at: the target of a link, or the name in a small
/// file that stands for a link where there are none. Empty if it is neither.
std::filesystem::path pointed_at(const std::filesystem::path& path);

/// Keeps links to the newest run and to the newest and best checkpoint. They are a convenience:
/// where a file system has no links, a small file with the name takes their place, and what cannot
/// be done at all is a warning.
class RunLinks {
 public:
  using MakeLink =
      std::function<std::error_code(const std::string& name, const std::filesystem::path& link)>;

  /// `make_link` makes a link to a name beside it, as symlink(2).
  explicit RunLinks(MakeLink make_link = {});

  /// Lets `path` point at the folder `name` beside it, in one step for others. A folder in its
  /// place is renamed to NAME.copy if it is a copy of a checkpoint beside it, as `cp -rL` makes
  /// them; other real files and folders are left alone. Warns once for each path.
  void point(const std::filesystem::path& path, const std::string& name);

 private:
  void warn(const std::filesystem::path& path, const std::string& what);
  bool make_way(const std::filesystem::path& path);
  void make(const std::filesystem::path& path, const std::string& name);

  MakeLink make_link_;
  std::set<std::filesystem::path> warned_;
};

}  // namespace ddpm
