#pragma once

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace ddpm {

/// A file at which other processes wait when they open it, until it is released (a lease,
/// fcntl(2)): a program can be met at just this point, without a clock.
class HeldFile {
 public:
  explicit HeldFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    std::signal(SIGIO, SIG_IGN);  // tells the holder that someone waits
    holds_ = descriptor_ >= 0 && ::fcntl(descriptor_, F_SETLEASE, F_WRLCK) == 0;
  }
  ~HeldFile() { release(); }
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;

  /// False where the file system has no leases.
  bool holds() const { return holds_; }
  /// Someone has come to open the file.
  bool is_awaited() const { return ::fcntl(descriptor_, F_GETLEASE) != F_WRLCK; }
  void release() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
  bool holds_ = false;
};

}  // namespace ddpm
