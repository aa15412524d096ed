#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include <unistd.h>

// What the fuzz targets share. A target gives the bytes to a parser as the program does, and lets
// nothing but the program's own errors pass. See scripts/fuzz.sh.

namespace ddpm {

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the run with a finding unless `holds`.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Runs `parse` and lets `Error` pass, but none of a class derived from it, nor any other.
template <typename Error, typename Parse>
void expect_only(const Parse& parse) {
  try {
    parse();
  } catch (const Error& error) {
    require(typeid(error) == typeid(Error) && error.what()[0] != '\0');
  }
}

/// A folder in memory for the files of this process, removed at its end.
class FuzzFolder {
 public:
  FuzzFolder() : path_("/dev/shm/ddpm-fuzz-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~FuzzFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FuzzFolder(const FuzzFolder&) = delete;
  FuzzFolder& operator=(const FuzzFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    auto file = path_ / name;
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// The folder of this process.
inline const FuzzFolder& fuzz_folder() {
  static const FuzzFolder folder;
  return folder;
}

/// An input that stands for two files: the length of the first one in two bytes, least significant
/// first, and then both.
struct TwoFiles {
  std::string_view first;
  std::string_view second;
};

inline TwoFiles split_in_two(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const size_t length = static_cast<uint8_t>(bytes[0]) + 256U * static_cast<uint8_t>(bytes[1]);
  return {bytes.substr(2, length), bytes.substr(2).substr(std::min(length, bytes.size() - 2))};
}

}  // namespace ddpm
