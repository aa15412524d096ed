#include "ddpm/config/process_traits.h"

#include <gtest/gtest.h>

#include "ddpm/config/names.h"

namespace ddpm {
namespace {

TEST(ProcessTraits, EveryProcessHasARowAndTakesItsUsualSpacing) {
  for (const auto& process : kNames<ProcessType>) {
    const auto& traits = traits_of(process.value);
    EXPECT_EQ(traits.type, process.value);
    EXPECT_TRUE(traits.has_spacing(traits.usual_spacing)) << process.name;
    EXPECT_TRUE(traits.has_spacing(TimestepSpacing::kAuto)) << process.name;
    EXPECT_TRUE(traits.has_timestep_sampler(TimestepSampler::kAuto)) << process.name;
  }
}

}  // namespace
}  // namespace ddpm
