#include "ddpm/data/pnm.h"

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

using namespace std::string_literals;

std::string pnm_error(const std::string& bytes) {
  return error_of<DataError>([&] { decode_image(bytes, "x.pgm"); });
}

TEST(Pnm, TheBrightestValueBecomes255) {
  EXPECT_EQ(decode_pnm("P5 3 1 15\n\x00\x07\x0F"s, "x").pixels,
            (std::vector<uint8_t>{0, 119, 255}));
  EXPECT_EQ(decode_pnm("P5 2 1 1023 \x02\x00\x03\xFF"s, "x").pixels,
            (std::vector<uint8_t>{128, 255}));
}

TEST(Pnm, ValuesAboveTheBrightestAreCut) {
  EXPECT_EQ(decode_pnm("P5 1 1 15\n\xFF"s, "x").pixels, std::vector<uint8_t>{255});
}

TEST(Pnm, CommentsAndSpacesAreSkipped) {
  const Image image = decode_image("P6#a\n # b\n 1\t#c\n1\n255\n#12", "x");
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{'#', '1', '2'}));
}

TEST(Pnm, BrokenHeadersAreRefused) {
  for (const char* bytes :
       {"P5 ", "P5 0 1 255 a", "P5 1 -1 255 a", "P5 1 1 65536 ab", "P5 1 1 a",
        "P5 99999999999 1 255 a", "P5 1 1 255", "P5 # no end", "P5 1 1 255#\na"}) {
    EXPECT_TRUE(contains(pnm_error(bytes), "broken PGM or PPM header")) << bytes;
  }
}

TEST(Pnm, TooFewPixelsAreRefused) {
  EXPECT_TRUE(contains(pnm_error("P6 2 2 255 12345678901"), "ends early"));
  EXPECT_TRUE(contains(pnm_error("P5 2 1 256 123"), "ends early"));
  EXPECT_TRUE(contains(pnm_error("P5 8000 8000 255 1"), "ends early"));
}

TEST(Pnm, OtherKindsAreNamed) {
  EXPECT_TRUE(
      contains(pnm_error("P2\n1 1 255 7"), "expected a binary PGM or PPM (P5 or P6), got P2"));
}

}  // namespace
}  // namespace ddpm
