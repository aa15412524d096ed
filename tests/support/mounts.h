#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace ddpm {

/// Makes mounts of this process its own, so that it may make some without being seen by others.
/// Gives why that cannot be done here; empty if it can.
std::string allow_private_mounts();

/// Room on a disk: pages of 4096 bytes, and files (also folders and links).
struct DiskRoom {
  uint64_t pages = 10'000;
  uint64_t files = 10'000;
};

/// A disk of its own at a folder, in memory. Needs `allow_private_mounts`.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, const DiskRoom& room);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  DiskRoom free() const;
  /// Leaves so many pages free, by a file `ballast`.
  void fill(uint64_t pages) const;
  /// Takes the ballast away.
  void clear() const;
  void make_read_only() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace ddpm
