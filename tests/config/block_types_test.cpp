#include "ddpm/config/block_types.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

TEST(BlockTypes, AWordForEitherWayMeansTheSame) {
  EXPECT_EQ(&block_type("AttnDownBlock2D"), &block_type("AttnUpBlock2D"));
  EXPECT_TRUE(block_type("AttnUpBlock2D").attends);
  EXPECT_FALSE(block_type("ResnetDownsampleBlock2D").attends);
  EXPECT_THROW(block_type("CrossAttnDownBlock2D"), UserError);
}

}  // namespace
}  // namespace ddpm
