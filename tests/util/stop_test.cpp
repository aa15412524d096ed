#include "ddpm/util/stop.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(StopToken, IsOfItsSourceAlone) {
  StopSource source;
  const StopSource other;
  const StopToken token = source.token();
  EXPECT_FALSE(token.requested());
  source.request();
  EXPECT_TRUE(token.requested());
  EXPECT_FALSE(other.token().requested());
  EXPECT_FALSE(StopToken().requested());
}

TEST(StopScope, SaysWhomTheWorkOfItsThreadAsks) {
  StopSource source;
  source.request();
  EXPECT_FALSE(stop_requested());
  {
    const StopScope outer(source.token());
    EXPECT_THROW(throw_if_stopped(), StopRequested);
    const StopScope inner((StopToken()));
    EXPECT_FALSE(stop_requested());
  }
  EXPECT_FALSE(stop_requested());
}

TEST(StopScope, SignalsCountWhereNobodySaysOtherwise) {
  request_stop();
  EXPECT_TRUE(stop_requested());
  EXPECT_TRUE(signal_stop_token().requested());
  {
    const StopScope scope((StopToken()));
    EXPECT_FALSE(stop_requested());
  }
  request_stop(false);
  EXPECT_FALSE(stop_requested());
}

}  // namespace
}  // namespace ddpm
