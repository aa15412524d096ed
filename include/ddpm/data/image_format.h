#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ddpm {

/// The formats of image files that are read.
enum class ImageFormat { kPng, kJpeg, kWebp, kGif, kTiff, kBmp, kPnm };

/// What the ending of a file's name says of it.
struct ImageEnding {
  std::string_view ending;  // with the dot, in small letters
  std::string_view format;  // the usual name of the format: "WebP"
  bool is_read = false;     // false: an image that the program cannot read
};

/// The row of the table of endings for `path`, in capital or small letters; none if the name does
/// not end as images do. What a file holds is told by `image_format` alone.
std::optional<ImageEnding> image_ending(const std::filesystem::path& path);

/// True if the name of `path` ends as the images that are read do.
bool is_read_image(const std::filesystem::path& path);

/// The endings of images that are read, as a message lists them: ".png, .jpg or .bmp".
std::string read_image_endings();

/// What the first bytes say, whatever the file is called. `DataError` starting with `name` if it is
/// none of the formats, which names an image of a kind that is not read and what to do.
ImageFormat image_format(std::string_view bytes, const std::string& name);

}  // namespace ddpm
