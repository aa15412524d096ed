#include "ddpm/util/number.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(ParseNumber, TakesTheWholeText) {
  EXPECT_EQ(parse_number<int64_t>("42"), 42);
  EXPECT_EQ(parse_number<int64_t>("-7"), -7);
  EXPECT_EQ(parse_number<double>("1e-3"), 1e-3);
}

TEST(ParseNumber, RefusesTheRest) {
  for (const char* text : {"", " 1", "1 ", "1x", "x", "+1", "1.5", "9223372036854775808"})
    EXPECT_FALSE(parse_number<int64_t>(text)) << text;
  EXPECT_FALSE(parse_number<uint64_t>("-1"));
  EXPECT_FALSE(parse_number<double>("1e999"));
}

TEST(ParseNumber, ZerosBeforeItAreForNamesOfFiles) {
  for (const char* text : {"010", "00", "-01", "0001"}) {
    EXPECT_FALSE(parse_number<int64_t>(text)) << text;
    EXPECT_TRUE(parse_padded_number<int64_t>(text)) << text;
  }
  EXPECT_EQ(parse_padded_number<int64_t>("010"), 10);
  EXPECT_EQ(parse_number<double>("0.5"), 0.5);
  EXPECT_EQ(parse_number<int64_t>("0"), 0);
}

}  // namespace
}  // namespace ddpm
