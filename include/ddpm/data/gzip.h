#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

struct gzFile_s;

namespace ddpm {

/// Reads a file from front to back and unpacks it on the way if it is gzip. More bytes than the
/// file can hold are refused at once (a gzip file holds up to 1032 times its size, deflate's
/// limit), and memory grows only as they arrive. `DataError` naming the file whenever it cannot be
/// read, is damaged or ends early.
class GzipReader {
 public:
  explicit GzipReader(std::filesystem::path path);

  /// The next `count` bytes, all of them.
  std::vector<uint8_t> read(uint64_t count);

  /// Passes over the next `count` bytes.
  void skip(uint64_t count);

  /// True if nothing is left. Checks the checksum of a gzip file then.
  bool at_end();

  /// No more bytes than this can follow.
  uint64_t left_at_most() const { return left_at_most_; }

  const std::filesystem::path& path() const { return path_; }

 private:
  void read_into(uint8_t* out, uint64_t count);
  void check_left(uint64_t count) const;
  void check_state() const;

  std::filesystem::path path_;
  uint64_t left_at_most_;
  std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> file_;
};

}  // namespace ddpm
