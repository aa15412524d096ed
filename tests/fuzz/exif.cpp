#include "ddpm/data/exif.h"

#include "fuzz.h"

namespace {

bool is_orientation(int value) {
  return value >= 1 && value <= 8;
}

}  // namespace

// The bytes are EXIF data, and a PNG and a WebP with such data somewhere.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = ddpm::as_text(data, size);
  const ddpm::ReadAt read_at = [bytes](uint64_t offset, size_t length) -> std::string {
    if (offset >= bytes.size()) return {};
    return std::string(bytes.substr(offset, length));
  };
  ddpm::require(is_orientation(ddpm::exif_orientation(bytes)));
  ddpm::require(is_orientation(ddpm::png_orientation(read_at)));
  ddpm::require(is_orientation(ddpm::webp_orientation(read_at)));
  return 0;
}
