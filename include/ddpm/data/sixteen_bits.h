#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "ddpm/data/image.h"

namespace ddpm {

/// Finds out whether images of 16 bits use their range. Cameras and microscopes of 12 bits often
/// leave the upper four empty, and images cut to 8 bits are then nearly black.
class SixteenBits {
 public:
  /// Takes an image into account, as it was read and not yet resized; on any thread.
  void note(const Image& image);

  /// Warns if some had 16 bits and the brightest of them is below 1/8 of the range. The warning
  /// starts with `where`.
  void warn_if_dark(const std::string& where) const;

 private:
  std::atomic<int64_t> images_ = 0;
  std::atomic<uint8_t> brightest_ = 0;
};

}  // namespace ddpm
