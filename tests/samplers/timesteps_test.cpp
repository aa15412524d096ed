#include "ddpm/samplers/timesteps.h"

#include <array>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

/// The spacings of the discrete process that count timesteps.
constexpr std::array kTimestepSpacings{TimestepSpacing::kLeading, TimestepSpacing::kTrailing,
                                       TimestepSpacing::kLinspace, TimestepSpacing::kUniform,
                                       TimestepSpacing::kQuad};

SampleConfig options(TimestepSpacing spacing, int64_t steps) {
  SampleConfig options;
  options.timestep_spacing = spacing;
  options.steps = steps;
  return options;
}

TEST(Timesteps, AgreeWithTheReference) {
  const auto golden = load_json(test_data("schedules.json")).at("spacings");
  EXPECT_EQ(golden.size(), kTimestepSpacings.size());
  for (const auto& [name, by_steps] : golden.items()) {
    for (const auto& [steps, timesteps] : by_steps.items()) {
      auto expected = timesteps.get<std::vector<int64_t>>();
      expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
      const auto spacing = *from_name<TimestepSpacing>(name);
      EXPECT_EQ(sampling_timesteps(options(spacing, std::stoll(steps)), 1000), expected)
          << name << steps;
    }
  }
}

TEST(Timesteps, FallStrictlyWithinTheRangeForEveryNumberOfSteps) {
  for (const auto spacing : kTimestepSpacings) {
    for (const int64_t steps : {1, 2, 3, 15, 60, 99, 100}) {
      const auto timesteps = sampling_timesteps(options(spacing, steps), 100);
      const bool may_repeat = spacing == TimestepSpacing::kQuad;
      EXPECT_TRUE(may_repeat || timesteps.size() == static_cast<size_t>(steps)) << to_name(spacing);
      EXPECT_TRUE(std::is_sorted(timesteps.rbegin(), timesteps.rend(), std::less_equal<>()));
      EXPECT_LT(timesteps.front(), 100);
      EXPECT_GE(timesteps.back(), 0);
    }
  }
}

TEST(Timesteps, MoreStepsThanTimestepsAreRefused) {
  EXPECT_THROW(sampling_timesteps(options(TimestepSpacing::kTrailing, 101), 100), UserError);
}

TEST(Timesteps, OffsetShiftsLeadingSpacing) {
  auto leading = options(TimestepSpacing::kLeading, 10);
  leading.steps_offset = 1;
  EXPECT_EQ(sampling_timesteps(leading, 1000).back(), 1);
  leading.steps_offset = 100;
  EXPECT_THROW(sampling_timesteps(leading, 1000), UserError);
}

}  // namespace
}  // namespace ddpm
