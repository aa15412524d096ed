#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/folder_scan.h"
#include "ddpm/data/image.h"
#include "ddpm/data/image_files.h"
#include "ddpm/data/sixteen_bits.h"

namespace ddpm {

/// The images of a folder or an archive, and how they become images of one size: as
/// `data.image_size` and `data.channels` say, else as large as the first that can be read, and in
/// colour if any is. Safe to read from several threads at once.
class FolderImages {
 public:
  /// `DataError` if there are none, none can be read, or their sizes differ without
  /// `data.image_size`.
  FolderImages(const DataConfig& config, std::unique_ptr<ImageFiles> files);

  const ImageFiles& files() const { return *files_; }
  const FolderListing& listing() const { return listing_; }
  const ImageSize& size() const { return size_; }
  int64_t count() const { return static_cast<int64_t>(listing_.files.size()); }
  /// A file's place in messages.
  std::string place(int64_t index) const { return files_->place(name(index)); }
  /// -1 where there are no classes.
  int64_t label(int64_t index) const;

  /// "12 of 300 images are grey, ..."; empty if they are all alike, or nobody had to know.
  std::string describe_colours() const;

  /// Writes the image to `chw`, channel by channel. False, with the reason, if the file is broken
  /// and `data.skip_bad` is set; else `DataError` naming it.
  /// Shows the image as it is stored to `depth`.
  bool read(int64_t index, uint8_t* chw, std::string& reason, SixteenBits* depth = nullptr) const;

  /// Looks at a few images, and warns if those of 16 bits are nearly black.
  void look_at_depth() const;

 private:
  const std::string& name(int64_t index) const {
    return listing_.files.at(static_cast<size_t>(index));
  }
  void probe(int64_t index);
  ImageSize probe_files(const DataConfig& config);
  void check_sizes();
  void check_size(int64_t index, int64_t height, int64_t width) const;

  std::unique_ptr<ImageFiles> files_;
  FolderListing listing_;
  ImageLimits limits_;
  bool skip_bad_;
  bool any_size_;
  std::vector<ImageSize> stored_;  // no channels where a header cannot be read, or need not be
  int64_t grey_ = 0;               // of those that were looked at
  int64_t coloured_ = 0;           // likewise
  ImageSize size_;
};

}  // namespace ddpm
