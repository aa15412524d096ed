#include "ddpm/data/webp.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

std::string webp_file(const std::string& name) {
  return read_file(std::filesystem::path(DDPM_TEST_DATA) / "images" / name);
}

TEST(Webp, EveryCutIsRefused) {
  for (const char* name : {"lossy.webp", "lossless.webp", "alpha.webp"}) {
    const std::string whole = webp_file(name);
    for (size_t size = 0; size + 1 < whole.size(); ++size) {
      EXPECT_NE(error_of<DataError>([&] { decode_image(whole.substr(0, size), "x"); }), "")
          << name << " " << size;
    }
  }
}

TEST(Webp, AnAnimationNeedsItsFirstFrame) {
  const std::string whole = webp_file("animated.webp");
  EXPECT_NE(error_of<DataError>([&] { decode_image(whole.substr(0, 80), "x"); }), "");
}

TEST(Webp, FlippedBytesNeverCrash) {
  for (const char* name : {"lossy.webp", "lossless.webp", "alpha.webp", "animated.webp"}) {
    const std::string whole = webp_file(name);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0xFF);
      error_of<DataError>([&] { decode_image(broken, "x", 0, {.pixels = 1 << 20}); });
    }
  }
}

}  // namespace
}  // namespace ddpm
