#include "ddpm/data/jpeg.h"

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

std::string jpeg_error(const std::string& bytes) {
  return error_of<DataError>([&] { decode_image(bytes, "x.jpg"); });
}

TEST(Jpeg, KindsThatAreNotReadAreNotCalledBroken) {
  const std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  for (const char kind : {'\xC3', '\xC5', '\xC9', '\xCB'}) {
    std::string other = jpeg;
    other[frame + 1] = kind;
    EXPECT_TRUE(contains(jpeg_error(other), "a JPEG of a kind that is not read")) << +kind;
  }
  std::string twelve_bits = jpeg;
  twelve_bits[frame + 4] = 12;
  EXPECT_TRUE(contains(jpeg_error(twelve_bits), "save it as PNG or as a usual JPEG"));
}

TEST(Jpeg, BytesBetweenSegmentsAreNoReasonToRefuseIt) {
  const std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const size_t end = jpeg.rfind("\xFF\xD9");
  const std::string padded = std::string(jpeg).insert(end, "\0\0\0", 3);
  EXPECT_EQ(decode_image(padded, "x").pixels, decode_image(jpeg, "x").pixels);
}

TEST(Jpeg, WithoutAPartOfItsDataIsRefused) {
  std::string jpeg = jpeg_bytes(make_image(64, 64, 3));
  const size_t scan = jpeg.find("\xFF\xDA");
  jpeg.erase(scan + 200, jpeg.size() - scan - 202);
  EXPECT_TRUE(contains(jpeg_error(jpeg), "broken JPEG (Corrupt JPEG data: premature end"));
}

TEST(Jpeg, FollowedByAnotherImageIsRead) {
  const std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const std::string other = jpeg_bytes(make_image(4, 4, 3, 1));
  EXPECT_EQ(decode_image(jpeg + other, "x").pixels, decode_image(jpeg, "x").pixels);
}

}  // namespace
}  // namespace ddpm
