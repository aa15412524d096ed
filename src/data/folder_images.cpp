#include "ddpm/data/folder_images.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ddpm/data/image_io.h"
#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/parallel.h"
#include "ddpm/util/error.h"

namespace ddpm {

FolderImages::FolderImages(const DataConfig& config, std::unique_ptr<ImageFiles> files)
    : files_(std::move(files)),
      listing_(scan_files(*files_, config)),
      limits_{config.max_image_pixels},
      skip_bad_(config.skip_bad),
      any_size_(!config.image_size.empty()),
      size_(wanted_size(config, probe_files(config))) {
  check_sizes();
}

int64_t FolderImages::label(int64_t index) const {
  return listing_.labels.empty() ? -1 : listing_.labels.at(static_cast<size_t>(index));
}

std::string FolderImages::describe_colours() const {
  if (grey_ == 0 || coloured_ == 0) return "";
  return std::to_string(grey_) + " of " + std::to_string(grey_ + coloured_) +
         " images are grey, the others in colour";
}

bool FolderImages::read(int64_t index, uint8_t* chw, std::string& reason,
                        SixteenBits* depth) const {
  std::optional<Image> image;
  try {
    image = decode_image(files_->read(name(index)), place(index), size_.channels, limits_);
  } catch (const DataError& error) {
    if (!skip_bad_) throw;
    reason = error.what();
    return false;
  }
  if (depth != nullptr) depth->note(*image);
  check_size(index, image->height, image->width);
  to_chw(fit_image(*std::move(image), size_), chw);
  return true;
}

void FolderImages::look_at_depth() const {
  constexpr int64_t kFew = 16;
  SixteenBits depth;
  const int64_t looked_at = std::min(kFew, count());
  for (int64_t i = 0; i < looked_at; ++i) {
    const int64_t index = i * count() / looked_at;
    try {
      depth.note(decode_image(files_->read(name(index)), place(index), 0, limits_));
    } catch (const DataError&) {  // which is told when it is read
      continue;
    }
  }
  depth.warn_if_dark(files_->where());
}

void FolderImages::probe(int64_t index) {
  try {
    stored_[static_cast<size_t>(index)] = files_->probe(name(index), limits_);
  } catch (const DataError&) {
    if (!skip_bad_) throw;
    stored_[static_cast<size_t>(index)] = {};
  }
}

// What the first file says that can be read. All are looked at only where that tells something.
ImageSize FolderImages::probe_files(const DataConfig& config) {
  stored_.resize(listing_.files.size());
  const auto is_known = [](const ImageSize& size) { return size.channels != 0; };
  if (config.channels == 0 || !any_size_) {
    parallel_for(count(), config.workers, [this](int64_t i) { probe(i); });
  } else {
    for (int64_t i = 0; i < count() && std::ranges::none_of(stored_, is_known); ++i)
      probe(i);
  }
  const auto found = std::ranges::find_if(stored_, is_known);
  if (found == stored_.end())
    throw DataError(place(0), ": expected an image, but neither this nor any of ", count(),
                    " files can be read");
  grey_ = std::ranges::count(stored_, 1, &ImageSize::channels);
  coloured_ = std::ranges::count(stored_, 3, &ImageSize::channels);
  ImageSize first = *found;
  if (coloured_ > 0) first.channels = 3;
  return first;
}

// Refuses files of another size by their headers, where all must be of one.
void FolderImages::check_sizes() {
  for (int64_t i = 0; i < count(); ++i) {
    const auto& size = stored_[static_cast<size_t>(i)];
    if (size.channels != 0) check_size(i, size.height, size.width);
  }
  stored_ = {};
}

void FolderImages::check_size(int64_t index, int64_t height, int64_t width) const {
  if (any_size_ || (height == size_.height && width == size_.width)) return;
  throw DataError(place(index), ": expected ", size_.height, " x ", size_.width,
                  " as the first image, got ", height, " x ", width,
                  "; set data.image_size to bring all to one size");
}

}  // namespace ddpm
