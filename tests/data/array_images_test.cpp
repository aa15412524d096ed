#include "ddpm/data/array_images.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

template <typename T>
NpyArray array_of(const std::string& dtype, const std::vector<int64_t>& shape,
                  const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {dtype, shape, bytes};
}

std::vector<uint8_t> pixels_of(const NpyArray& array) {
  return ArrayImages(array, "x").image(0).pixels;
}

TEST(ArrayImages, ChannelsMayComeFirstOrLast) {
  const ArrayImages first({"u1", {1, 3, 1, 2}, "rRgGbB"}, "x");
  EXPECT_EQ(first.image(0).pixels, (std::vector<uint8_t>{'r', 'g', 'b', 'R', 'G', 'B'}));
  EXPECT_EQ(first.notes(), std::vector<std::string>{"its axes are taken as [N, C, H, W]"});
  EXPECT_TRUE(first.size() == (ImageSize{1, 2, 3}));
  const ArrayImages both({"u1", {1, 3, 2, 1}, "abcdef"}, "x");
  EXPECT_TRUE(both.size() == (ImageSize{3, 2, 1}));
}

TEST(ArrayImages, TheRangeOfFractionsIsSeen) {
  using Bytes = std::vector<uint8_t>;
  EXPECT_EQ(pixels_of(array_of<float>("f4", {1, 1, 3}, {0, 0.5F, 1})), (Bytes{0, 128, 255}));
  EXPECT_EQ(pixels_of(array_of<double>("f8", {1, 1, 3}, {-1, 0, 1})), (Bytes{0, 128, 255}));
  EXPECT_EQ(pixels_of(array_of<float>("f4", {1, 1, 3}, {0, 7, 255})), (Bytes{0, 7, 255}));
  EXPECT_EQ(pixels_of(array_of<uint16_t>("f2", {1, 1, 3}, {0, 0x3800, 0x3C00})),
            (Bytes{0, 128, 255}));
}

TEST(ArrayImages, WholeNumbersOfOtherWidthsAreRead) {
  using Bytes = std::vector<uint8_t>;
  EXPECT_EQ(pixels_of(array_of<int64_t>("i8", {1, 1, 2}, {1, 255})), (Bytes{1, 255}));
  EXPECT_EQ(pixels_of(array_of<uint16_t>("u2", {1, 1, 2}, {257, 65535})), (Bytes{1, 255}));
  EXPECT_EQ(pixels_of(array_of<uint8_t>("b1", {1, 1, 2}, {0, 1})), (Bytes{0, 255}));
}

TEST(ArrayImages, OtherValuesAreRefused) {
  const auto error = [](const NpyArray& array) {
    return error_of<DataError>([&] { ArrayImages(array, "x"); });
  };
  EXPECT_EQ(error(array_of<float>("f4", {1, 1, 2}, {-2, 1})),
            "x: expected values in [0, 1], [-1, 1] or [0, 255], got f4 from -2 to 1");
  EXPECT_TRUE(contains(error(array_of<float>("f4", {1, 1, 2}, {0, 256})), "to 256"));
  EXPECT_NE(error(array_of<float>("f4", {1, 1, 2}, {0, NAN})), "");
  EXPECT_NE(error(array_of<int8_t>("i1", {1, 1, 2}, {-1, 1})), "");
}

}  // namespace
}  // namespace ddpm
