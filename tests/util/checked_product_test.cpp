#include "ddpm/util/checked_product.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(CheckedProduct, DoesNotOverflow) {
  EXPECT_EQ(checked_product({}), 1U);
  EXPECT_EQ(checked_product({3, 4, 0}), 0U);
  EXPECT_FALSE(checked_product({-1, 4}));
  EXPECT_FALSE(checked_product({int64_t{1} << 32, int64_t{1} << 32}));
  EXPECT_FALSE(checked_product({INT64_MAX}));
  EXPECT_FALSE(checked_product({0, INT64_MAX}));
  EXPECT_FALSE(checked_product({int64_t{1} << 32, 0, int64_t{1} << 32}));
  EXPECT_FALSE(checked_product({0, -1}));
}

}  // namespace
}  // namespace ddpm
