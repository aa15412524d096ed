#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "ddpm/util/error.h"

namespace ddpm {

/// A file that could not be written because the disk, a quota or a limit on file sizes leaves no
/// room.
class NoRoomError : public DiskError {
 public:
  using DiskError::DiskError;
};

/// The whole file as bytes. `DataError` naming `path` if it cannot be read or is larger than
/// `max_bytes`.
std::string read_file(const std::filesystem::path& path, uint64_t max_bytes = UINT64_MAX);

/// The path as a person meant it: without `.`, `..` within it, or a slash at the end, so that its
/// last part is a name. "." is the working folder's full path.
std::filesystem::path clean_path(const std::filesystem::path& path);

/// `path` with the person's home for a `~` at its beginning, as shells have it; as it is without a
/// HOME, and for other people's homes.
std::string expand_home(const std::string& path);

/// Makes the folder and those it lies in, if they are not there; "" is the working folder.
/// `DiskError` naming `path`.
void make_folder(const std::filesystem::path& path);

/// `path` if nothing is there, else NAME-2.END, NAME-3.END, ... beside it.
std::filesystem::path unused_path(const std::filesystem::path& path);

/// A new file that is written piece by piece, in place of what was there; a link there is replaced,
/// not followed. Each call throws `DiskError` with the system's reason on failure (`NoRoomError` if
/// that is it), which calls the file `name`, if there is one.
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path, const std::filesystem::path& name = {});
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  /// Syncs the file to the disk and closes it.
  void close();

 private:
  std::filesystem::path name_;
  int descriptor_ = -1;
};

/// `DiskError` if `path` is a link: what a folder from elsewhere holds must not lead writing out of
/// it.
void refuse_link(const std::filesystem::path& path);

/// A hidden name beside `path` for this process to write to before a rename; `remove_leftovers`
/// knows it.
std::filesystem::path temporary_beside(const std::filesystem::path& path);

/// Adds `bytes` to the end of the file at `path`, which is made if it is not there and must not be
/// a link. `DiskError` on failure; the file then ends where it did before.
void append_to_file(const std::filesystem::path& path, std::string_view bytes);

/// Writes `bytes` to a temporary file beside `path`, syncs it and renames it, so that `path` holds
/// either the old content or all of the new. `DiskError` with the system's reason on failure.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// Flushes a file or a folder to the disk. `DiskError` on failure.
void sync_to_disk(const std::filesystem::path& path);

/// A folder that appears under its final name only when it is complete. Files are written into
/// `path()`, a hidden folder beside `target`; `commit` syncs them and renames the folder. Without
/// `commit`, the destructor removes what was written.
class AtomicDirectory {
 public:
  /// `DiskError` if `target` exists already or the folder cannot be made.
  explicit AtomicDirectory(std::filesystem::path target);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// A folder of this process's own among the system's temporary files, which goes with this.
class ScratchFolder {
 public:
  /// `DiskError` if there can be none.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Removes the folder in one step for others: it loses its name before its files go. `DiskError` on
/// failure.
void remove_folder(const std::filesystem::path& path);

/// Bytes that can still be written where `path` is, or will be; none if that cannot be told.
std::optional<uint64_t> free_bytes(const std::filesystem::path& path);

/// Whose unfinished files are leftovers.
enum class Leftovers {
  kOfEnded,  // of processes that are no more on this machine
  kOld,      // more than a day old: where other machines write too
  kAll,      // of all: for who has a lock on the folder. Process numbers come again in containers.
};

/// Removes what is left of `AtomicDirectory`, `write_file_atomic` and `temporary_beside` in
/// `folder`.
void remove_leftovers(const std::filesystem::path& folder, Leftovers which = Leftovers::kOfEnded);

}  // namespace ddpm
