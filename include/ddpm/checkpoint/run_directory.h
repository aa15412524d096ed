#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/util/files.h"

namespace ddpm {

/// The folder of one training run and the places of things in it.
class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config_file() const { return path_ / "config.yaml"; }
  std::filesystem::path log_file() const { return path_ / "log.txt"; }
  std::filesystem::path metrics_file() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path samples() const { return path_ / "samples"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path last_link() const { return checkpoints() / "last"; }
  /// Points at the checkpoint with the best evaluation, where there were any.
  std::filesystem::path best_link() const { return checkpoints() / "best"; }
  /// checkpoints/step-000500
  std::filesystem::path checkpoint(int64_t step) const;
  /// samples/step-000500.png
  std::filesystem::path sample_grid(int64_t step) const;

  /// Steps of the checkpoints that are there, rising.
  std::vector<int64_t> checkpoint_steps() const;
  /// True if the folder is a model, such as one of diffusers, and no run.
  bool holds_foreign_model() const;
  /// True if the folder holds files of a person's own that a run would replace.
  bool holds_other_files() const;
  bool has_checkpoints() const { return !checkpoint_steps().empty(); }
  /// The newest checkpoint's folder; empty if there is none.
  std::filesystem::path newest_checkpoint() const;

  /// Makes the folders, and removes what a crash has left in them (`Leftovers::kAll` for who has
  /// the lock); `DiskError` if one, or a file of the run, is a link. Points `runs/last` at this run
  /// if it lies in a folder `runs` (see `RunLinks`).
  void create(Leftovers leftovers = Leftovers::kOfEnded) const;
  /// Takes the name from a damaged checkpoint, but not its files; the new name.
  std::filesystem::path set_aside(const std::filesystem::path& checkpoint) const;
  /// Removes all but the newest `keep` checkpoints, the best one (that of `best_step`, and the one
  /// that `best_link` points at), and those that another process has got from
  /// `resolve_checkpoint`; 0 keeps all.
  void prune(int64_t keep, int64_t best_step = -1) const;

 private:
  std::filesystem::path path_;
};

/// Keeps a second trainer off a run folder for as long as this lives, or its process does.
class RunLock {
 public:
  /// `UserError` naming the other process if one trains in `run`, which must exist.
  explicit RunLock(const RunDirectory& run);
  ~RunLock() { release(); }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// False if the folder that it is on has been moved or removed.
  bool is_there() const;
  /// False if the file system has no locks, so that there is none.
  bool is_exclusive() const { return exclusive_; }
  /// Locks the folder that is now at the run's path instead; errors as of the constructor, which
  /// leave the lock as it is.
  void take();

 private:
  void release() const;

  std::filesystem::path run_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool exclusive_ = false;
  int folder_ = -1;  // open, so that no other folder gets its number
};

/// The run folder that a checkpoint lies in; empty if it lies in none.
std::filesystem::path run_of(const std::filesystem::path& checkpoint);

/// Finds the checkpoint folder that `path` means: a run folder's newest one, or the folder itself,
/// or what `meant_model_folder` makes of it. A trainer does not remove it as long as this process
/// lives. `CheckpointError` if nothing is there.
std::filesystem::path resolve_checkpoint(const std::filesystem::path& path);

/// The newest run under `runs` (its link `last`, else the run with the newest checkpoint) whose
/// newest checkpoint `fits`; any with an empty function. `CheckpointError` that says what to do if
/// there is none.
std::filesystem::path find_newest_run(
    const std::filesystem::path& runs,
    const std::function<bool(const std::filesystem::path& checkpoint)>& fits = {});

}  // namespace ddpm
