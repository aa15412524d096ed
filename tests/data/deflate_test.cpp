#include "ddpm/data/deflate.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

std::string noise(size_t count) {
  std::string bytes;
  uint32_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    bytes.push_back(static_cast<char>(state >> 24));
  }
  return bytes;
}

TEST(Deflate, BytesComeBack) {
  for (const std::string& bytes :
       {std::string(), std::string("a"), noise(3'000'000), std::string(5'000'000, 'x')}) {
    const std::string packed = deflate_bytes(bytes);
    EXPECT_TRUE(inflate_bytes(packed, bytes.size(), "x") == bytes) << bytes.size();
  }
}

TEST(Deflate, OtherSizesAreRefused) {
  const std::string packed = deflate_bytes("hello");
  EXPECT_THROW(inflate_bytes(packed, 4, "x"), DataError);
  EXPECT_THROW(inflate_bytes(packed, 6, "x"), DataError);
  EXPECT_THROW(inflate_bytes("", 0, "x"), DataError);
}

TEST(Deflate, ImpossibleSizesAreRefusedBeforeMemoryIsTaken) {
  const auto error = error_of<DataError>([] { inflate_bytes("abc", UINT64_MAX - 1, "x"); });
  EXPECT_EQ(error, "x: broken, its size cannot be true");
}

TEST(Deflate, EveryCutIsRefused) {
  const std::string bytes = noise(300);
  const std::string packed = deflate_bytes(bytes);
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_THROW(inflate_bytes(packed.substr(0, size), bytes.size(), "x"), DataError) << size;
  }
}

}  // namespace
}  // namespace ddpm
