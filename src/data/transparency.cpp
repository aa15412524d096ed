#include "ddpm/data/transparency.h"

#include <algorithm>
#include <iterator>

namespace ddpm {
namespace {

uint8_t blend_with_white(int value, int alpha) {
  return static_cast<uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

}  // namespace

std::vector<uint8_t> over_white(const uint8_t* pixels, size_t count, size_t stored) {
  if (stored % 2 == 1) return {pixels, pixels + count * stored};
  std::vector<uint8_t> out;
  out.reserve(count * (stored - 1));
  for (const uint8_t* pixel = pixels; pixel != pixels + count * stored; pixel += stored) {
    const int alpha = pixel[stored - 1];
    std::transform(pixel, pixel + stored - 1, std::back_inserter(out),
                   [alpha](uint8_t value) { return blend_with_white(value, alpha); });
  }
  return out;
}

}  // namespace ddpm
