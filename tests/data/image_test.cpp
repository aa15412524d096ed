#include "ddpm/data/image.h"

#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>

#include "support/data_files.h"

namespace ddpm {
namespace {

double mean(const Image& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) /
         static_cast<double>(image.pixels.size());
}

TEST(Image, GreyIsTheLumaOfRgb) {
  const Image rgb{1, 3, 3, {255, 0, 0, 0, 255, 0, 10, 20, 30}};
  EXPECT_EQ(convert_channels(rgb, 1).pixels, (std::vector<uint8_t>{76, 149, 18}));
}

TEST(Image, RgbRepeatsGrey) {
  const Image rgb = convert_channels({1, 2, 1, {7, 9}}, 3);
  EXPECT_EQ(rgb.pixels, (std::vector<uint8_t>{7, 7, 7, 9, 9, 9}));
}

TEST(Image, OtherChannelCountsAreABrokenContract) {
  EXPECT_THROW(convert_channels(make_image(2, 2, 3), 2), std::invalid_argument);
}

TEST(Image, ChwAndBackIsTheSame) {
  const Image image = make_image(3, 5, 3);
  std::vector<uint8_t> chw(45);
  to_chw(image, chw.data());
  EXPECT_EQ(chw[0], image.pixels[0]);
  EXPECT_EQ(chw[15], image.pixels[1]);
  EXPECT_EQ(from_chw(chw.data(), {3, 5, 3}).pixels, image.pixels);
}

TEST(TurnUpright, DoesWhatEachOrientationAsksFor) {
  const Image stored{2, 3, 1, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> upright = {
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image image = turn_upright(stored, orientation);
    EXPECT_EQ(image.pixels, upright[static_cast<size_t>(orientation - 1)]) << orientation;
    const ImageSize size{image.height, image.width, 1};
    EXPECT_EQ(upright_size({2, 3, 1}, orientation), size) << orientation;
  }
}

TEST(Resize, SameSizeIsUntouched) {
  const Image image = make_image(6, 9, 3);
  EXPECT_EQ(resize_and_crop(image, 6, 9).pixels, image.pixels);
}

TEST(Resize, ShrinkingAveragesFinePatterns) {
  Image stripes{64, 64, 1, {}};
  for (int i = 0; i < 64 * 64; ++i) {
    stripes.pixels.push_back(i % 2 == 0 ? 0 : 255);
  }
  for (const uint8_t value : resize_and_crop(stripes, 16, 16).pixels) {
    EXPECT_NEAR(value, 127.5, 20);
  }
}

TEST(Resize, KeepsAFlatColourAndTheMean) {
  const Image flat{50, 70, 3, std::vector<uint8_t>(50 * 70 * 3, 93)};
  for (const uint8_t value : resize_and_crop(flat, 32, 32).pixels) {
    EXPECT_EQ(value, 93);
  }
  Image ramp = make_image(40, 20, 1);
  EXPECT_NEAR(mean(resize_and_crop(ramp, 20, 10)), mean(ramp), 1.5);
}

TEST(Resize, CutsTheMiddleOut) {
  Image wide{2, 6, 1, {1, 1, 50, 60, 9, 9, 1, 1, 70, 80, 9, 9}};
  EXPECT_EQ(resize_and_crop(wide, 2, 2).pixels, (std::vector<uint8_t>{50, 60, 70, 80}));
  Image tall{4, 1, 1, {1, 2, 3, 4}};
  EXPECT_EQ(resize_and_crop(tall, 2, 1).pixels, (std::vector<uint8_t>{2, 3}));
}

TEST(Resize, AllShapesWork) {
  for (const int64_t from : {1, 2, 7, 33, 400}) {
    for (const int64_t to : {1, 3, 32, 65}) {
      const Image out = resize_and_crop(make_image(from, 401 - from, 3), to, 66 - to);
      EXPECT_EQ(out.height, to);
      EXPECT_EQ(static_cast<int64_t>(out.pixels.size()), to * (66 - to) * 3);
    }
  }
}

TEST(Resize, ExtremeStripsAreCutBeforeTheyAreScaled) {
  const Image strip{1, 65535, 3, std::vector<uint8_t>(65535 * 3, 40)};
  EXPECT_EQ(resize_and_crop(strip, 64, 64).pixels, std::vector<uint8_t>(64 * 64 * 3, 40));
  EXPECT_EQ(resize_and_crop(strip, 1, 8).pixels, std::vector<uint8_t>(8 * 3, 40));
}

TEST(Tile, LaysImagesOnWhite) {
  const Image black{1, 2, 1, {0, 0}};
  const Image grid = tile_images({black, black, black}, 2, 1);
  EXPECT_EQ(grid.height, 3);
  EXPECT_EQ(grid.width, 5);
  EXPECT_EQ(grid.pixels,
            (std::vector<uint8_t>{0, 0, 255, 0, 0, 255, 255, 255, 255, 255, 0, 0, 255, 255, 255}));
}

TEST(Tile, FewImagesMakeANarrowGrid) {
  EXPECT_EQ(tile_images({make_image(4, 4, 3)}, 8).width, 4);
}

TEST(Tile, RefusesNothingAndMixedSizes) {
  EXPECT_THROW(tile_images({}, 2), std::invalid_argument);
  EXPECT_THROW(tile_images({make_image(2, 2, 1), make_image(2, 3, 1)}, 2), std::invalid_argument);
}

}  // namespace
}  // namespace ddpm
