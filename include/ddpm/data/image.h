#pragma once

#include <cstdint>
#include <vector>

namespace ddpm {

/// An 8-bit image, row by row, channels interleaved: `pixels[(y * width + x) * channels + c]`.
struct Image {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 (grey) or 3 (RGB)
  std::vector<uint8_t> pixels;
  int64_t stored_bits = 8;  // of a value in its file: 8 or fewer, or 16 that were cut to 8
};

/// The largest side of an image that is read or written, in pixels.
inline constexpr int64_t kMaxImageSide = 65535;

/// Extents of an image.
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 or 3; transparency is not counted

  int64_t bytes() const { return height * width * channels; }
};

bool operator==(const ImageSize& a, const ImageSize& b);

/// The image in grey (1) or RGB (3). Grey is stb_image's luma, (77 R + 150 G + 29 B) / 256.
Image convert_channels(Image image, int64_t channels);

/// Scales so that the image covers `height` x `width`, then cuts the middle out. The kernel is
/// Catmull-Rom, widened when the image shrinks, so that fine patterns blur instead of aliasing
/// (as Pillow's BICUBIC).
Image resize_and_crop(const Image& image, int64_t height, int64_t width);

/// The image with the channels and the extents of `size`.
Image fit_image(Image image, const ImageSize& size);

/// The image turned and mirrored as EXIF's `orientation`, 1 to 8, asks for, so that it is as it was
/// seen; 5 to 8 swap its sides.
Image turn_upright(Image image, int orientation);

/// The extents of an image after `turn_upright`.
ImageSize upright_size(const ImageSize& size, int orientation);

/// Writes the image channel by channel, `channels * height * width` bytes.
void to_chw(const Image& image, uint8_t* chw);

/// The image whose channels stand one after another at `chw`.
Image from_chw(const uint8_t* chw, const ImageSize& size);

/// Images of one size side by side, `columns` in a row, `gap` white pixels between them.
/// `std::invalid_argument` if there are none or their sizes differ.
Image tile_images(const std::vector<Image>& images, int64_t columns, int64_t gap = 2);

}  // namespace ddpm
