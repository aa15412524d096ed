#include "ddpm/data/bytes.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(Bytes, NumbersComeBack) {
  std::string bytes;
  append_le<uint16_t>(bytes, 0xBEEF);
  append_le<uint64_t>(bytes, 0x0123456789ABCDEF);
  append_be32(bytes, 0x00000803);
  EXPECT_EQ(read_le<uint16_t>(bytes, 0), 0xBEEF);
  EXPECT_EQ(read_le<uint64_t>(bytes, 2), 0x0123456789ABCDEFU);
  EXPECT_EQ(read_be32(bytes, 10), 0x803U);
  EXPECT_EQ(bytes[13], 3);
}

TEST(Bytes, ReadingPastTheEndIsCaught) {
  EXPECT_THROW(read_le<uint32_t>("abc", 0), std::out_of_range);
  EXPECT_THROW(read_le<uint16_t>("abc", SIZE_MAX), std::out_of_range);
}

}  // namespace
}  // namespace ddpm
