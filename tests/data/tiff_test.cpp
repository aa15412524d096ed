#include "ddpm/data/tiff.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

std::string tiff_file(const std::string& name) {
  return read_file(std::filesystem::path(DDPM_TEST_DATA) / "images" / name);
}

std::string tiff_error(const std::string& bytes) {
  return error_of<DataError>([&] { decode_image(bytes, "x.tif", 0, {.pixels = 1 << 20}); });
}

// The file with another value of a field of one 16-bit number, least significant byte first.
std::string with_field(std::string tiff, uint16_t tag, uint16_t value) {
  const std::string entry{static_cast<char>(tag & 0xFF), static_cast<char>(tag >> 8), 3, 0};
  const size_t at = tiff.find(entry);
  EXPECT_NE(at, std::string::npos);
  tiff[at + 8] = static_cast<char>(value & 0xFF);
  tiff[at + 9] = static_cast<char>(value >> 8);
  return tiff;
}

TEST(Tiff, KindsThatAreNotReadAreNotCalledBroken) {
  const std::string grey = tiff_file("grey.tif");
  for (const uint16_t compression : {2, 7, 34712, 50001}) {
    EXPECT_TRUE(contains(tiff_error(with_field(grey, 259, compression)),
                         "not read (compression " + std::to_string(compression)));
  }
  EXPECT_TRUE(contains(tiff_error(with_field(grey, 258, 32)), "a TIFF of a kind that is not read"));
}

TEST(Tiff, LimitsHoldBeforeDecoding) {
  const std::string grey = tiff_file("grey.tif");
  const auto error = error_of<DataError>([&] { decode_image(grey, "x.tif", 0, {.pixels = 100}); });
  EXPECT_TRUE(contains(error, "x.tif: too large")) << error;
}

TEST(Tiff, CutsAreRefusedAndFlippedBytesNeverCrash) {
  for (const char* name : {"grey.tif", "tiff-lzw.tif", "packbits.tif", "tiled.tif", "alpha.tif"}) {
    const std::string whole = tiff_file(name);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0xFF);
      tiff_error(broken);
      if (at % 16 == 0) tiff_error(whole.substr(0, at));
    }
    EXPECT_NE(tiff_error(whole.substr(0, whole.size() / 2)), "") << name;
  }
}

}  // namespace
}  // namespace ddpm
