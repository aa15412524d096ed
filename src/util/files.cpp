#include "ddpm/util/files.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTemporarySuffix = ".ddpm-tmp";

bool is_temporary(std::string_view name) {
  return name.starts_with('.') && name.ends_with(kTemporarySuffix);
}

/// Whether the process that made a name of `temporary_beside` is no more.
bool has_ended(std::string_view name) {
  name.remove_suffix(kTemporarySuffix.size());
  pid_t owner = 0;
  const auto digits = name.substr(name.rfind('.') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), owner);
  return owner <= 0 || (::kill(owner, 0) != 0 && errno == ESRCH);
}

bool is_old(const fs::path& path) {
  std::error_code code;
  const auto written = fs::last_write_time(path, code);
  return !code && fs::file_time_type::clock::now() - written > std::chrono::hours(24);
}

bool is_leftover(const fs::path& path, Leftovers which) {
  const auto name = path.filename().string();
  if (!is_temporary(name)) return false;
  if (which == Leftovers::kOld) return is_old(path);
  return which == Leftovers::kAll || has_ended(name);
}

[[noreturn]] void fail(const fs::path& path, const char* what, int code = errno) {
  const char* const reason = std::strerror(code);
  if (code == ENOSPC || code == EDQUOT || code == EFBIG)
    throw NoRoomError(path.string(), ": ", what, ": ", reason);
  throw DiskError(path.string(), ": ", what, ": ", reason);
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "cannot rename into place");
}

fs::path parent_of(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

/// False, with `errno` set, if the system does not take all of `bytes`.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

fs::path temporary_beside(const fs::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return folder / ("." + path.filename().string() + "." + std::to_string(::getpid()) +
                   std::string(kTemporarySuffix));
}

void refuse_link(const fs::path& path) {
  std::error_code none;
  if (!fs::is_symlink(path, none)) return;
  throw DiskError(path.string(), ": is a link; nothing is written through links out of a run");
}

fs::path clean_path(const fs::path& path) {
  fs::path clean = path.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  return clean == "." || clean.filename() == ".." ? fs::canonical(clean) : clean;
}

std::string expand_home(const std::string& path) {
  const char* const home = std::getenv("HOME");
  const bool meant = path == "~" || path.starts_with("~/");
  return meant && home != nullptr && *home != '\0' ? home + path.substr(1) : path;
}

std::string read_file(const fs::path& path, uint64_t max_bytes) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code) throw DataError(path.string(), ": cannot read: ", code.message());
  if (size > max_bytes) {
    throw DataError(path.string(), ": too large, expected at most ", max_bytes, " bytes, got ",
                    size);
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(size, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw DataError(path.string(), ": cannot read: ", std::strerror(errno));
  }
  return bytes;
}

void sync_to_disk(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // Some network file systems cannot sync folders and say EINVAL.
  const bool synced = file >= 0 && (::fsync(file) == 0 || errno == EINVAL);
  const int code = errno;
  if (file >= 0) ::close(file);
  errno = code;
  if (!synced) fail(path, "cannot sync");
}

FileWriter::FileWriter(const fs::path& path, const fs::path& name)
    : name_(name.empty() ? path : name) {
  std::error_code none;
  const auto there = fs::symlink_status(path, none);
  if (fs::is_symlink(there) || fs::is_regular_file(there)) fs::remove(path, none);
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(name_, "cannot write");
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(std::string_view bytes) {
  if (!write_all(descriptor_, bytes)) fail(name_, "cannot write");
}

void FileWriter::close() {
  if (::fsync(descriptor_) != 0) fail(name_, "cannot write");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(name_, "cannot write");
}

void append_to_file(const fs::path& path, std::string_view bytes) {
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (file < 0) fail(path, "cannot write");
  const off_t end = ::lseek(file, 0, SEEK_END);
  int code = 0;
  if (!write_all(file, bytes)) {
    code = errno;
    if (::ftruncate(file, end) != 0) code = errno;
  }
  ::close(file);
  errno = code;
  if (code != 0) fail(path, "cannot write");
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  const auto temporary = temporary_beside(path);
  try {
    FileWriter file(temporary, path);
    file.write(bytes);
    file.close();
    rename_over(temporary, path);
  } catch (const UserError&) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
  sync_to_disk(parent_of(path));
}

AtomicDirectory::AtomicDirectory(fs::path target)
    : target_(std::move(target)),
      temporary_(temporary_beside(target_)) {
  if (fs::exists(target_)) throw DiskError(target_.string(), ": exists already");
  std::error_code code;
  fs::remove_all(temporary_, code);
  fs::create_directories(temporary_, code);
  if (code) fail(target_, "cannot make the folder", code.value());
}

void make_folder(const fs::path& path) {
  if (path.empty()) return;
  std::error_code code;
  fs::create_directories(path, code);
  if (code) fail(path, "cannot make the folder", code.value());
}

fs::path unused_path(const fs::path& path) {
  const auto base = (path.parent_path() / path.stem()).string();
  fs::path free = path;
  for (int number = 2; fs::exists(free); ++number)
    free = base + "-" + std::to_string(number) + path.extension().string();
  return free;
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(temporary_))
    sync_to_disk(entry.path());
  sync_to_disk(temporary_);
  rename_over(temporary_, target_);
  committed_ = true;
  sync_to_disk(parent_of(target_));
}

ScratchFolder::ScratchFolder() {
  std::error_code code;
  auto name = (fs::temp_directory_path(code) / "ddpm-XXXXXX").string();
  if (code || ::mkdtemp(name.data()) == nullptr) fail(name, "cannot make the folder");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void remove_folder(const fs::path& path) {
  const auto hidden = temporary_beside(path);
  rename_over(path, hidden);
  std::error_code code;
  fs::remove_all(hidden, code);
  if (code) throw DiskError(path.string(), ": cannot remove: ", code.message());
}

std::optional<uint64_t> free_bytes(const fs::path& path) {
  std::error_code code;
  fs::path there = fs::absolute(path);
  while (!fs::exists(there, code) && there.has_relative_path())
    there = there.parent_path();
  const auto space = fs::space(there, code);
  return code ? std::nullopt : std::optional<uint64_t>(space.available);
}

void remove_leftovers(const fs::path& folder, Leftovers which) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (is_leftover(entry.path(), which)) fs::remove_all(entry.path(), code);
  }
}

}  // namespace ddpm
