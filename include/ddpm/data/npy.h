#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/data/zip.h"

namespace ddpm {

/// A NumPy array in C order, little-endian.
struct NpyArray {
  std::string dtype;  // "u1", "i4", "i8", "f4", "f8"
  std::vector<int64_t> shape;
  std::string bytes;
};

/// Parses a `.npy` file held in memory (format versions 1 to 3). Fortran order is turned into C
/// order; big-endian, object and structured types are refused. `DataError` starting with `name`.
NpyArray parse_npy(std::string_view file, const std::string& name);

/// The bytes of a `.npy` file (format version 1).
std::string format_npy(const NpyArray& array);

/// The arrays of an `.npz` (a zip of `.npy` files, stored or deflated, zip64 too), read one by one,
/// so that those of kinds that `parse_npy` refuses do not spoil the others.
class NpzFile {
 public:
  /// `DataError` naming `path` if it is broken, holds other files, or unpacks to more than
  /// `max_bytes`.
  NpzFile(const std::filesystem::path& path, uint64_t max_bytes);
  NpzFile(const NpzFile&) = delete;
  NpzFile& operator=(const NpzFile&) = delete;

  /// By their bytes.
  std::vector<std::string> keys() const;

  /// `std::out_of_range` if it is not there; `DataError` if it cannot be read.
  NpyArray read(const std::string& key) const;

 private:
  std::string name_;
  ZipReader zip_;
  std::map<std::string, const ZipEntry*> entries_;
};

/// Reads all arrays of an `.npz` (a zip of `.npy` files, stored or deflated, zip64 too).
/// `DataError` naming `path` if it is broken or unpacks to more than `max_bytes`.
std::map<std::string, NpyArray> load_npz(const std::filesystem::path& path,
                                         uint64_t max_bytes = uint64_t{64} << 30);

/// The bytes of an `.npz` with the given arrays, deflated if `compress`.
std::string format_npz(const std::map<std::string, NpyArray>& arrays, bool compress);

}  // namespace ddpm
