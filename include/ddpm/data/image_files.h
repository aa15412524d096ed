#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ddpm/data/file_tree.h"
#include "ddpm/data/image.h"
#include "ddpm/data/image_header.h"

namespace ddpm {

/// Files of images that lie in a folder or in a zip archive. Safe to read from several threads at
/// once.
class ImageFiles {
 public:
  virtual ~ImageFiles() = default;

  const FileTree& tree() const { return tree_; }

  /// The folder or the archive.
  const std::string& where() const { return where_; }

  /// A file's place in messages.
  virtual std::string place(const std::string& name) const = 0;

  /// The whole file. Reading that fails, as on a network that is away for a moment, is tried again
  /// a few times within a second. `DataError` if it fails in the end, or the file is larger than
  /// any image may be.
  virtual std::string read(const std::string& name) const = 0;

  /// What the header of the file says, tried again likewise. `DataError`.
  virtual ImageSize probe(const std::string& name, const ImageLimits& limits) const = 0;

  /// What tells whether the file is still the same without reading it: its size, or the checksum
  /// that the archive has of it.
  virtual std::string mark(const std::string& name) const = 0;

 protected:
  ImageFiles(std::string where, FileTree tree);

 private:
  std::string where_;
  FileTree tree_;
};

/// The files below `root`, which is a folder or a zip archive of at most `max_bytes`; `DataError`
/// if it is neither.
std::unique_ptr<ImageFiles> open_image_files(const std::filesystem::path& root, uint64_t max_bytes);

}  // namespace ddpm
