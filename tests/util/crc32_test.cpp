#include "ddpm/util/crc32.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(Crc32, IsThatOfTheStandard) {
  EXPECT_EQ(crc32_of("123456789"), 0xCBF43926U);  // the check value of CRC-32/ISO-HDLC
  EXPECT_EQ(crc32_of("6789", crc32_of("12345")), 0xCBF43926U);
}

TEST(SumFile, ReadsFilesOfSeveralPieces) {
  const TempDir dir;
  const std::string bytes(3'000'000, 'a');
  const auto sum = sum_file(dir.write("file", bytes));
  EXPECT_EQ(sum.bytes, bytes.size());
  EXPECT_EQ(sum.crc32, crc32_of(bytes));
  EXPECT_EQ(sum_file(dir.write("empty", "")).bytes, 0U);
  EXPECT_THROW(sum_file(dir.path() / "none"), DataError);
}

}  // namespace
}  // namespace ddpm
