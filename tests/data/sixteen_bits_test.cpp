#include "ddpm/data/sixteen_bits.h"

#include <gtest/gtest.h>

#include "support/data_files.h"
#include "support/log_messages.h"

namespace ddpm {
namespace {

Image of_bits(int64_t bits, uint8_t brightest) {
  return {1, 3, 1, {0, brightest, 1}, bits};
}

TEST(SixteenBits, WarnsOnceOfImagesThatUseAnEighthOfTheirRange) {
  SixteenBits depth;
  depth.note(of_bits(16, 15));
  depth.note(of_bits(16, 31));
  depth.note(of_bits(8, 200));
  const LogMessages messages;
  depth.warn_if_dark("here");
  EXPECT_TRUE(messages.have("here: the brightest of 2 images of 16 bits")) << messages.all();
}

TEST(SixteenBits, OneBrightImageIsEnough) {
  SixteenBits depth;
  depth.note(of_bits(16, 15));
  depth.note(of_bits(16, 32));
  const LogMessages messages;
  depth.warn_if_dark("here");
  EXPECT_EQ(messages.all(), "");
}

TEST(SixteenBits, ImagesOfEightBitsMayBeDark) {
  SixteenBits depth;
  depth.note(of_bits(8, 3));
  const LogMessages messages;
  depth.warn_if_dark("here");
  EXPECT_EQ(messages.all(), "");
}

}  // namespace
}  // namespace ddpm
