#include <gtest/gtest.h>

#include "ddpm/util/log.h"

namespace ddpm {
namespace {

/// Messages for people would drown the test runner's.
class QuietLog : public testing::Environment {
  void SetUp() override { init_log(/*quiet=*/true); }
};

[[maybe_unused]] const auto* const kQuietLog = testing::AddGlobalTestEnvironment(new QuietLog);

}  // namespace
}  // namespace ddpm
