#include "ddpm/data/sixteen_bits.h"

#include <algorithm>

#include "ddpm/util/log.h"

namespace ddpm {

void SixteenBits::note(const Image& image) {
  if (image.stored_bits != 16 || image.pixels.empty()) return;
  ++images_;
  const uint8_t brightest = *std::max_element(image.pixels.begin(), image.pixels.end());
  uint8_t before = brightest_;
  while (brightest > before && !brightest_.compare_exchange_weak(before, brightest)) {
  }
}

void SixteenBits::warn_if_dark(const std::string& where) const {
  constexpr uint8_t kDark = 256 / 8;
  if (images_ == 0 || brightest_ >= kDark) return;
  log_warning(where + ": the brightest of " + std::to_string(images_) +
              " images of 16 bits is below 1/8 of the range, as where 12 bits were saved in 16; " +
              "they are read as nearly black: save them so that white is 65535");
}

}  // namespace ddpm
