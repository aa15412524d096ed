#include "ddpm/config/sampler_traits.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"

namespace ddpm {
namespace {

TEST(SamplerTraits, EverySamplerHasOneRow) {
  EXPECT_EQ(sampler_traits().size(), kNames<SamplerType>.size());
  for (const auto& sampler : kNames<SamplerType>) {
    EXPECT_EQ(std::ranges::count(sampler_traits(), sampler.value, &SamplerTraits::type), 1);
    const auto& traits = traits_of(sampler.value);
    EXPECT_LE(traits.usual_order, traits.largest_order) << sampler.name;
    EXPECT_FALSE(traits.scheduler.empty()) << sampler.name;
    EXPECT_TRUE(traits.takes_solver_type(SolverType::kAuto)) << sampler.name;
  }
}

TEST(SamplerTraits, TheUsualSolverTypeIsTheFirst) {
  SampleConfig options;
  EXPECT_EQ(resolved_solver_type(options), SolverType::kAuto);
  options.sampler = SamplerType::kUniPc;
  EXPECT_EQ(resolved_solver_type(options), SolverType::kBh2);
  options.solver_type = SolverType::kBh1;
  EXPECT_EQ(resolved_solver_type(options), SolverType::kBh1);
}

TEST(SamplerTraits, AutoIsTheSpacingOfTheProcessOrElseOfTheSampler) {
  SampleConfig options;
  EXPECT_EQ(resolved_spacing(ProcessType::kDiscrete, options), TimestepSpacing::kTrailing);
  EXPECT_EQ(resolved_spacing(ProcessType::kEdm, options), TimestepSpacing::kKarras);
  options.sampler = SamplerType::kHeun;
  EXPECT_EQ(resolved_spacing(ProcessType::kDiscrete, options), TimestepSpacing::kLogSnr);
  EXPECT_EQ(resolved_spacing(ProcessType::kFlow, options), TimestepSpacing::kTrailing);
  options.timestep_spacing = TimestepSpacing::kLeading;
  EXPECT_EQ(resolved_spacing(ProcessType::kDiscrete, options), TimestepSpacing::kLeading);
}

}  // namespace
}  // namespace ddpm
