#include "ddpm/data/image_header.h"

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

std::string remedy(const ImageLimits& limits) {
  const std::string smaller = "; make the image smaller";
  return limits.pixels < kMostImagePixels ? smaller + " or raise data.max_image_pixels" : smaller;
}

}  // namespace

void check_image_size(const ImageSize& size, const ImageLimits& limits, const std::string& name) {
  if (size.height < 1 || size.width < 1) {
    throw DataError(name, ": expected an image with pixels, got ", size.width, " x ", size.height);
  }
  if (size.height > kMaxImageSide || size.width > kMaxImageSide) {
    throw DataError(name, ": too large, expected sides up to ", kMaxImageSide, " pixels, got ",
                    size.width, " x ", size.height, "; make the image smaller");
  }
  if (size.width * size.height > limits.pixels) {
    throw DataError(name, ": too large, expected at most ", limits.pixels, " pixels, got ",
                    size.width, " x ", size.height, remedy(limits));
  }
}

void check_decoding_memory(uint64_t pixels, uint64_t bytes_each, const ImageLimits& limits,
                           const std::string& name) {
  if (pixels * bytes_each <= limits.bytes()) return;
  throw DataError(name, ": too large, expected an image that takes at most ", limits.bytes(),
                  " bytes to decode, got ", pixels * bytes_each, remedy(limits));
}

void check_file_bytes(uint64_t bytes, const ImageLimits& limits, const std::string& name) {
  if (bytes <= limits.bytes()) return;
  throw DataError(name, ": too large, expected a file of at most ", limits.bytes(), " bytes, got ",
                  bytes, remedy(limits));
}

}  // namespace ddpm
