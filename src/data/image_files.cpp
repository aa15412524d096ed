#include "ddpm/data/image_files.h"

#include <array>
#include <chrono>
#include <map>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ddpm/data/image_io.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr ImageLimits kAnyImage{kMostImagePixels};
constexpr auto kWaits = std::to_array<std::chrono::milliseconds>({std::chrono::milliseconds(30),
                                                                  std::chrono::milliseconds(120),
                                                                  std::chrono::milliseconds(500)});

std::string read_patiently(const fs::path& path) {
  for (const auto wait : kWaits) {
    std::error_code code;
    const auto size = fs::file_size(path, code);
    if (!code) check_file_bytes(size, kAnyImage, path.string());
    try {
      return read_file(path);
    } catch (const DataError&) {
      std::this_thread::sleep_for(wait);
    }
  }
  return read_file(path);
}

class FilesOfFolder : public ImageFiles {
 public:
  explicit FilesOfFolder(const fs::path& root)
      : ImageFiles(root.string(), walk_folder(root)),
        root_(root) {}

  std::string place(const std::string& name) const override { return (root_ / name).string(); }
  std::string read(const std::string& name) const override { return read_patiently(root_ / name); }
  ImageSize probe(const std::string& name, const ImageLimits& limits) const override {
    try {
      return probe_image_file(root_ / name, limits);
    } catch (const DataError&) {  // away for a moment, or broken indeed
      return probe_image(read(name), place(name), limits);
    }
  }
  std::string mark(const std::string& name) const override {
    std::error_code code;
    const auto size = fs::file_size(root_ / name, code);
    return code ? "" : std::to_string(size);
  }

 private:
  fs::path root_;
};

std::vector<std::string> names_in(const ZipReader& zip) {
  std::vector<std::string> names;
  for (const auto& entry : zip.entries())
    names.push_back(entry.name);
  return names;
}

class FilesOfZip : public ImageFiles {
 public:
  FilesOfZip(const fs::path& file, ZipReader zip)
      : ImageFiles(file.string(), tree_of_names(names_in(zip))),
        zip_(std::move(zip)) {
    for (const auto& entry : zip_.entries())
      entries_[entry.name] = &entry;
  }

  std::string place(const std::string& name) const override { return where() + ": " + name; }
  std::string read(const std::string& name) const override {
    const auto& entry = *entries_.at(name);
    check_file_bytes(entry.size, kAnyImage, place(name));
    return zip_.read(entry);
  }
  ImageSize probe(const std::string& name, const ImageLimits& limits) const override {
    return probe_image(read(name), place(name), limits);
  }
  std::string mark(const std::string& name) const override {
    return std::to_string(entries_.at(name)->crc);
  }

 private:
  ZipReader zip_;
  std::map<std::string, const ZipEntry*> entries_;
};

std::unique_ptr<ImageFiles> open_zip(const fs::path& file, uint64_t max_bytes) {
  std::error_code code;
  if (const auto size = fs::file_size(file, code); !code && size > max_bytes)
    throw DataError(file.string(), ": takes ", size, " bytes of memory, expected at most ",
                    max_bytes, "; unpack it into a folder, or raise data.memory_limit_gb");
  return std::make_unique<FilesOfZip>(file, ZipReader(read_file(file), file.string(), UINT64_MAX));
}

}  // namespace

ImageFiles::ImageFiles(std::string where, FileTree tree)
    : where_(std::move(where)),
      tree_(std::move(tree)) {}

std::unique_ptr<ImageFiles> open_image_files(const fs::path& root, uint64_t max_bytes) {
  if (fs::is_directory(root)) return std::make_unique<FilesOfFolder>(root);
  if (root.extension() == ".zip") return open_zip(root, max_bytes);
  throw DataError(root.string(), ": expected a folder or a .zip file");
}

}  // namespace ddpm
