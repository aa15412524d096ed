#include "ddpm/checkpoint/run_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ddpm/checkpoint/model_path.h"
#include "ddpm/checkpoint/run_links.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStepPrefix = "step-";

std::string step_name(int64_t step) {
  return "step-" + zero_padded(step, 6);
}

/// The step whose folder is called `name`; "step-5" is that of none.
std::optional<int64_t> parse_step_name(std::string_view name) {
  if (!name.starts_with(kStepPrefix)) return std::nullopt;
  const auto step = parse_padded_number<int64_t>(name.substr(kStepPrefix.size())).value_or(-1);
  return step >= 0 && name == step_name(step) ? std::optional(step) : std::nullopt;
}

/// A lock on a checkpoint's folder: readers share it, and who removes the folder has it alone.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        missing_(descriptor_ < 0 && errno == ENOENT) {}
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// `operation` is LOCK_SH or LOCK_EX. True also where there can be no locks; false if the folder
  /// is gone.
  bool take(int operation) const {
    if (descriptor_ < 0) return !missing_;
    return ::flock(descriptor_, operation | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  }
  /// Leaves the lock to the end of the process.
  void keep() { descriptor_ = -1; }

 private:
  int descriptor_;
  bool missing_;
};

/// The folder itself where `path` is a link to it, such as checkpoints/last, which a trainer moves.
fs::path behind_link(const fs::path& path) {
  const auto target = pointed_at(path);
  if (target.empty()) return path;
  return (target.is_absolute() ? target : path.parent_path() / target).lexically_normal();
}

/// Keeps trainers from removing the checkpoint for as long as this process lives; false if one is
/// just removing it.
bool hold_checkpoint(const fs::path& checkpoint) {
  FolderLock lock(checkpoint);
  if (!lock.take(LOCK_SH) || !fs::is_directory(checkpoint)) return false;
  lock.keep();
  return true;
}

/// The newest checkpoint of a run, held.
fs::path resolve_run(const fs::path& run) {
  for (;;) {
    auto newest = RunDirectory(run).newest_checkpoint();
    if (newest.empty()) throw CheckpointError(run.string(), ": this run has no checkpoint yet");
    if (hold_checkpoint(newest)) return newest;
  }
}

void remove_unless_read(const fs::path& checkpoint) {
  const FolderLock lock(checkpoint);
  if (lock.take(LOCK_EX)) remove_folder(checkpoint);
}

}  // namespace

fs::path RunDirectory::checkpoint(int64_t step) const {
  return checkpoints() / step_name(step);
}

fs::path RunDirectory::sample_grid(int64_t step) const {
  return samples() / (step_name(step) + ".png");
}

std::vector<int64_t> RunDirectory::checkpoint_steps() const {
  std::vector<int64_t> steps;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(checkpoints(), code)) {
    const auto step = parse_step_name(entry.path().filename().string());
    if (step && entry.is_directory() && !entry.is_symlink()) steps.push_back(*step);
  }
  std::ranges::sort(steps);
  return steps;
}

fs::path RunDirectory::newest_checkpoint() const {
  const auto steps = checkpoint_steps();
  return steps.empty() ? fs::path() : checkpoint(steps.back());
}

void RunDirectory::create(Leftovers leftovers) const {
  for (const auto& part : {checkpoints(), samples(), config_file(), log_file(), metrics_file()})
    refuse_link(part);
  for (const auto& folder : {path_, checkpoints(), samples()})
    make_folder(folder);
  // Others draw into `samples`, but nobody else writes into the other two.
  for (const auto& folder : {path_, checkpoints()})
    remove_leftovers(folder, leftovers);
  remove_leftovers(samples());
  const auto absolute = fs::absolute(path_).lexically_normal();
  const bool among_runs = absolute.parent_path().filename() == "runs";
  if (among_runs && absolute.filename() != "last") {
    RunLinks().point(absolute.parent_path() / "last", absolute.filename().string());
  }
}

void RunDirectory::prune(int64_t keep, int64_t best_step) const {
  auto steps = checkpoint_steps();
  if (keep <= 0) return;
  const auto best = pointed_at(best_link()).filename();
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    const auto old = checkpoint(steps[i]);
    if (steps[i] != best_step && old.filename() != best) remove_unless_read(old);
  }
}

fs::path RunDirectory::set_aside(const fs::path& checkpoint) const {
  const auto aside = unused_path(checkpoint.string() + ".damaged");
  std::error_code code;
  fs::rename(checkpoint, aside, code);
  if (code) throw DiskError(checkpoint.string(), ": cannot rename: ", code.message());
  return aside;
}

bool RunDirectory::holds_foreign_model() const {
  if (fs::is_directory(checkpoints())) return false;
  return std::ranges::any_of(std::to_array({"model_index.json", "config.json", "unet", "unet_ema",
                                            "classifier", "scheduler"}),
                             [&](const char* name) { return fs::exists(path_ / name); });
}

bool RunDirectory::holds_other_files() const {
  const bool ours = fs::is_directory(checkpoints());
  return !ours &&
         (fs::exists(config_file()) || fs::exists(metrics_file()) || fs::exists(log_file()));
}

RunLock::RunLock(const RunDirectory& run) : run_(run.path()), path_(run_ / ".lock") {
  take();
}

void RunLock::take() {
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) throw DiskError(path_.string(), ": cannot write: ", std::strerror(errno));
  char owner[32] = "";
  const bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno == EWOULDBLOCK) {
    const ssize_t length = ::read(descriptor, owner, sizeof(owner) - 1);
    ::close(descriptor);
    throw UserError(run_.string(), ": another ddpm (process ",
                    std::string(owner, static_cast<size_t>(std::max<ssize_t>(0, length))),
                    ") is training in this folder");
  }
  if (!locked)
    log_warning(path_.string() + ": cannot lock: " + std::strerror(errno) +
                "; nothing keeps a second trainer out of this folder");
  release();
  exclusive_ = locked;
  descriptor_ = descriptor;
  folder_ = ::open(run_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto pid = std::to_string(::getpid());
  const bool written =
      ::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, pid.data(), pid.size(), 0) > 0;
  if (!written) log_warning(path_.string() + ": cannot note this process");
}

bool RunLock::is_there() const {
  struct stat held {};
  struct stat there {};
  return ::fstat(folder_, &held) == 0 && ::stat(run_.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

void RunLock::release() const {
  for (const int descriptor : {descriptor_, folder_})
    if (descriptor >= 0) ::close(descriptor);
}

fs::path run_of(const fs::path& checkpoint) {
  const auto parent = fs::absolute(checkpoint).lexically_normal().parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : fs::path();
}

fs::path resolve_checkpoint(const fs::path& asked) {
  const auto given = pointed_at(asked).empty() ? meant_model_folder(asked) : asked;
  for (;;) {
    const auto path = behind_link(given);
    if (fs::is_directory(path / "checkpoints")) return resolve_run(path);
    if (hold_checkpoint(path)) return path;
    if (behind_link(given) != path) continue;  // a trainer has moved the link just now
    throw CheckpointError(given.string(),
                          ": no such folder, expected a run, a checkpoint or a "
                          "diffusers model");
  }
}

fs::path find_newest_run(const fs::path& runs, const std::function<bool(const fs::path&)>& fits) {
  const auto has_checkpoints = [&](const fs::path& run) {
    for (fs::path last;;) {
      const auto newest = RunDirectory(run).newest_checkpoint();
      if (newest.empty() || newest == last) return false;
      if (fs::exists(newest) && (!fits || fits(newest))) return true;
      last = newest;  // a trainer may have removed it for a newer one just now
    }
  };
  const auto last = behind_link(runs / "last").filename();
  if (last != "last" && has_checkpoints(runs / last)) return runs / last;
  const auto age = [](const fs::path& run) {
    return fs::last_write_time(RunDirectory(run).newest_checkpoint());
  };
  std::error_code none;
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(runs, none)) {
    // A folder `last` is most likely a copy of another run, made where the link was followed.
    if (!entry.is_directory() || entry.is_symlink() || entry.path().filename() == "last") continue;
    if (!has_checkpoints(entry.path())) continue;
    if (newest.empty() || age(entry.path()) > age(newest)) newest = entry.path();
  }
  if (newest.empty() && has_checkpoints(runs / "last")) return runs / "last";
  if (newest.empty()) {
    throw CheckpointError(
        "no trained model under ", runs.string(),
        "/; train one with 'ddpm train --config NAME', or give `checkpoint` PATH");
  }
  return newest;
}

}  // namespace ddpm
