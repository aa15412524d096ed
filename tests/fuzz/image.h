#pragma once

#include <string>
#include <string_view>

#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

namespace ddpm {

/// What the image targets do with a file.
inline void decode_as_the_program_does(std::string_view bytes) {
  constexpr ImageLimits kLimits{.pixels = 1 << 18};  // what is above takes long, and is no finding
  expect_only<DataError>([&] { probe_image_file(fuzz_folder().write("a.image", bytes), kLimits); });
  expect_only<DataError>([&] {
    const auto size = probe_image(bytes, "a", kLimits);
    const auto image = decode_image(bytes, "a", 0, kLimits);
    require(image.height == size.height && image.width == size.width &&
            image.channels == size.channels &&
            static_cast<int64_t>(image.pixels.size()) == size.bytes());
    require(fit_image(image, {16, 24, 3}).pixels.size() == size_t{16} * 24 * 3);
  });
}

}  // namespace ddpm
