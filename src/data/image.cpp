#include "ddpm/data/image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <stdexcept>
#include <utility>

#include <stb/stb_image_resize.h>

namespace ddpm {
namespace {

Image to_grey(const Image& image) {
  Image grey{image.height, image.width, 1, {}, image.stored_bits};
  grey.pixels.reserve(image.pixels.size() / 3);
  for (size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    const int luma = 77 * image.pixels[i] + 150 * image.pixels[i + 1] + 29 * image.pixels[i + 2];
    grey.pixels.push_back(static_cast<uint8_t>(luma >> 8));
  }
  return grey;
}

Image to_rgb(const Image& image) {
  Image rgb{image.height, image.width, 3, {}, image.stored_bits};
  rgb.pixels.reserve(image.pixels.size() * 3);
  for (const uint8_t value : image.pixels) {
    rgb.pixels.insert(rgb.pixels.end(), 3, value);
  }
  return rgb;
}

struct Box {
  int64_t top, left, height, width;
};

int64_t scaled(int64_t length, int64_t to, int64_t from) {
  const double exact = static_cast<double>(length) * static_cast<double>(to);
  return std::max<int64_t>(1, std::llround(exact / static_cast<double>(from)));
}

// The largest part in the middle of the image that has the shape of height x width.
Box middle(const Image& image, int64_t height, int64_t width) {
  const int64_t box_height = std::min(image.height, scaled(image.width, height, width));
  const int64_t box_width = std::min(image.width, scaled(image.height, width, height));
  return {(image.height - box_height) / 2, (image.width - box_width) / 2, box_height, box_width};
}

// How a stored image becomes the one that was seen.
struct Turn {
  bool swaps;            // rows become columns
  bool mirrors_rows;     // the last stored row comes first
  bool mirrors_columns;  // the last stored column comes first
};

Turn turn_of(int orientation) {
  constexpr std::array<Turn, 8> kTurns = {{
      {false, false, false},
      {false, false, true},
      {false, true, true},
      {false, true, false},
      {true, false, false},
      {true, true, false},
      {true, true, true},
      {true, false, true},
  }};
  return kTurns.at(static_cast<size_t>(orientation - 1));
}

}  // namespace

bool operator==(const ImageSize& a, const ImageSize& b) {
  return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

Image convert_channels(Image image, int64_t channels) {
  if (channels != 1 && channels != 3) throw std::invalid_argument("channels must be 1 or 3");
  if (image.channels == channels) return image;
  return channels == 1 ? to_grey(image) : to_rgb(image);
}

Image resize_and_crop(const Image& image, int64_t height, int64_t width) {
  if (height < 1 || width < 1) throw std::invalid_argument("image sizes must be positive");
  if (image.height == height && image.width == width) return image;
  const Box box = middle(image, height, width);
  Image out{height, width, image.channels, {}, image.stored_bits};
  out.pixels.resize(static_cast<size_t>(height * width * image.channels));
  const int64_t start = (box.top * image.width + box.left) * image.channels;
  const int ok = stbir_resize_uint8_generic(
      image.pixels.data() + start, static_cast<int>(box.width), static_cast<int>(box.height),
      static_cast<int>(image.width * image.channels), out.pixels.data(), static_cast<int>(width),
      static_cast<int>(height), static_cast<int>(width * image.channels),
      static_cast<int>(image.channels), STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP,
      STBIR_FILTER_CATMULLROM, STBIR_COLORSPACE_LINEAR, nullptr);
  if (ok == 0) throw std::bad_alloc();
  return out;
}

Image fit_image(Image image, const ImageSize& size) {
  image = convert_channels(std::move(image), size.channels);
  if (image.height == size.height && image.width == size.width) return image;
  return resize_and_crop(image, size.height, size.width);
}

ImageSize upright_size(const ImageSize& size, int orientation) {
  if (orientation < 5) return size;
  return {size.width, size.height, size.channels};
}

Image turn_upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const Turn turn = turn_of(orientation);
  Image out = image;
  if (turn.swaps) std::swap(out.height, out.width);
  auto to = out.pixels.begin();
  for (int64_t y = 0; y < out.height; ++y) {
    for (int64_t x = 0; x < out.width; ++x) {
      int64_t row = turn.swaps ? x : y;
      int64_t column = turn.swaps ? y : x;
      if (turn.mirrors_rows) row = image.height - 1 - row;
      if (turn.mirrors_columns) column = image.width - 1 - column;
      const int64_t from = (row * image.width + column) * image.channels;
      to = std::copy_n(image.pixels.begin() + from, image.channels, to);
    }
  }
  return out;
}

void to_chw(const Image& image, uint8_t* chw) {
  const auto step = static_cast<size_t>(image.channels);
  for (size_t channel = 0; channel < step; ++channel) {
    for (size_t i = channel; i < image.pixels.size(); i += step) {
      *chw++ = image.pixels[i];
    }
  }
}

Image from_chw(const uint8_t* chw, const ImageSize& size) {
  Image image{size.height, size.width, size.channels, {}};
  image.pixels.resize(static_cast<size_t>(size.bytes()));
  const auto step = static_cast<size_t>(size.channels);
  for (size_t channel = 0; channel < step; ++channel) {
    for (size_t i = channel; i < image.pixels.size(); i += step) {
      image.pixels[i] = *chw++;
    }
  }
  return image;
}

Image tile_images(const std::vector<Image>& images, int64_t columns, int64_t gap) {
  if (images.empty() || columns < 1) throw std::invalid_argument("no images to tile");
  const Image& first = images.front();
  columns = std::min(columns, static_cast<int64_t>(images.size()));
  const int64_t rows = (static_cast<int64_t>(images.size()) + columns - 1) / columns;
  Image grid{
      rows * (first.height + gap) - gap, columns * (first.width + gap) - gap, first.channels, {}};
  grid.pixels.assign(static_cast<size_t>(grid.height * grid.width * grid.channels), 255);
  for (size_t i = 0; i < images.size(); ++i) {
    const Image& image = images[i];
    if (image.height != first.height || image.width != first.width ||
        image.channels != first.channels) {
      throw std::invalid_argument("images to tile differ in size");
    }
    const int64_t top = static_cast<int64_t>(i) / columns * (first.height + gap);
    const int64_t left = static_cast<int64_t>(i) % columns * (first.width + gap);
    const int64_t row_bytes = image.width * image.channels;
    for (int64_t y = 0; y < image.height; ++y) {
      const int64_t to = ((top + y) * grid.width + left) * grid.channels;
      std::copy_n(image.pixels.begin() + y * row_bytes, row_bytes, grid.pixels.begin() + to);
    }
  }
  return grid;
}

}  // namespace ddpm
