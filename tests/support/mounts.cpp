#include "tests/support/mounts.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kPage = 4096;

std::string reason(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

void write_line(const char* path, const std::string& text) {
  std::ofstream(path) << text;
}

/// Without privileges it takes a user namespace too, in which this user stays who it is.
std::string enter_namespace() {
  const auto user = std::to_string(::getuid());
  const auto group = std::to_string(::getgid());
  if (::unshare(CLONE_NEWNS) == 0) return "";
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return reason("no mount namespace");
  write_line("/proc/self/setgroups", "deny");
  write_line("/proc/self/uid_map", user + " " + user + " 1");
  write_line("/proc/self/gid_map", group + " " + group + " 1");
  return "";
}

std::string make_mounts_private() {
  if (auto failure = enter_namespace(); !failure.empty()) return failure;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return reason("no private mounts");
  const auto folder = fs::temp_directory_path();
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") != 0) return reason("no tmpfs");
  ::umount2(folder.c_str(), MNT_DETACH);
  return "";
}

}  // namespace

std::string allow_private_mounts() {
  static const std::string failure = make_mounts_private();
  return failure;
}

SmallDisk::SmallDisk(fs::path folder, const DiskRoom& room) : folder_(std::move(folder)) {
  fs::create_directories(folder_);
  const auto options = "size=" + std::to_string(room.pages * kPage) +
                       ",nr_inodes=" + std::to_string(room.files + 1);  // and the folder itself
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()) != 0)
    throw std::runtime_error(reason("cannot mount"));
}

SmallDisk::~SmallDisk() {
  ::umount2(folder_.c_str(), MNT_DETACH);
}

DiskRoom SmallDisk::free() const {
  struct statvfs space {};
  ::statvfs(folder_.c_str(), &space);
  return {.pages = space.f_bfree * space.f_bsize / kPage, .files = space.f_ffree};
}

void SmallDisk::fill(uint64_t pages) const {
  const std::string bytes((free().pages - pages) * kPage, 'x');
  std::ofstream(folder_ / "ballast", std::ios::binary) << bytes;
}

void SmallDisk::clear() const {
  fs::remove(folder_ / "ballast");
}

void SmallDisk::make_read_only() const {
  if (::mount("tmpfs", folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
    throw std::runtime_error(reason("cannot remount"));
}

}  // namespace ddpm
