#include "ddpm/samplers/levels.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "tests/support/processes.h"

namespace ddpm {
namespace {

TEST(SamplingLevels, OfEdmAreThePublishedGrid) {
  const auto process = process_of(ProcessType::kEdm);
  SampleConfig options;
  options.steps = 18;
  const auto levels = sampling_levels(*process, options);
  const std::vector<double> published{
      80,      57.586,  40.7856, 28.3746, 19.3525,  12.9101,  8.40094,   5.31519, 3.25682, 1.92334,
      1.08817, .585348, .296442, .139516, .0599473, .0229345, .00752802, .002,    0};
  ASSERT_EQ(levels.size(), published.size());
  for (size_t i = 0; i < levels.size(); ++i)
    EXPECT_NEAR(levels[i].sigma, published[i], 1e-5 * published[i] + 1e-12) << i;
  EXPECT_NEAR(levels[0].t, std::log(80.0) / 4, 1e-12);
}

TEST(SamplingLevels, FallFromStartToEndOnEveryGrid) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    for (const auto& sampler : kNames<SamplerType>) {
      for (const auto spacing :
           {TimestepSpacing::kAuto, TimestepSpacing::kKarras, TimestepSpacing::kLogSnr}) {
        SampleConfig options;
        options.sampler = sampler.value;
        options.timestep_spacing = spacing;
        options.steps = 7;
        const auto levels = sampling_levels(*process, options);
        ASSERT_EQ(levels.size(), 8U);
        for (size_t i = 1; i < levels.size(); ++i)
          EXPECT_LT(levels[i].ratio(), levels[i - 1].ratio()) << type.name << sampler.name << i;
        EXPECT_EQ(levels[0].progress, 0.0);
        EXPECT_EQ(levels[6].progress, 1.0);
        EXPECT_EQ(levels.back().sigma, 0.0);
      }
    }
  }
}

TEST(SamplingLevels, OfLogSnrAreEvenInLambda) {
  const auto process = process_of(ProcessType::kDiscrete);
  SampleConfig options;
  options.timestep_spacing = TimestepSpacing::kLogSnr;
  options.steps = 9;
  const auto levels = sampling_levels(*process, options);
  for (size_t i = 2; i < 9; ++i)
    EXPECT_NEAR(levels[i].lambda() - levels[i - 1].lambda(),
                levels[1].lambda() - levels[0].lambda(), 1e-9);
  EXPECT_EQ(levels[0].t, 999.0);
  EXPECT_EQ(levels[8].t, 0.0);
}

TEST(SamplingLevels, OfFlowAreStraightAndShifted) {
  const auto process = process_of(ProcessType::kFlow);
  SampleConfig options;
  options.steps = 4;
  auto levels = sampling_levels(*process, options);
  EXPECT_DOUBLE_EQ(levels[0].sigma, 1.0);
  EXPECT_DOUBLE_EQ(levels[1].sigma, 0.75);
  EXPECT_DOUBLE_EQ(levels[1].t, 750.0);
  options.flow_shift = 3.0;
  levels = sampling_levels(*process, options);
  EXPECT_DOUBLE_EQ(levels[1].sigma, 3.0 * 0.75 / (1 + 2 * 0.75));
}

TEST(SamplingLevels, MayEndAtTheLowestLevel) {
  const auto process = process_of(ProcessType::kDiscrete);
  SampleConfig options;
  options.steps = 10;
  options.final_sigmas_type = FinalSigma::kSigmaMin;
  EXPECT_EQ(sampling_levels(*process, options).back().t, 0.0);
  options.timestep_spacing = TimestepSpacing::kUniform;  // whose last step stands there already
  EXPECT_EQ(sampling_levels(*process, options).size(), 11U);
  options.sampler = SamplerType::kDpmpp2m;
  const auto levels = sampling_levels(*process, options);
  EXPECT_EQ(levels.size(), 10U);
  EXPECT_LT(levels.back().sigma, levels[8].sigma);
}

TEST(SamplingLevels, OfLinspaceAreFractionalForEulerAndHeunOnly) {
  const auto process = process_of(ProcessType::kDiscrete);
  SampleConfig options;
  options.timestep_spacing = TimestepSpacing::kLinspace;
  options.steps = 4;
  options.clip_sample = false;
  EXPECT_EQ(sampling_levels(*process, options)[1].t, 666.0);
  options.steps = 5;  // 749.25
  EXPECT_EQ(sampling_levels(*process, options)[1].t, 749.0);
  for (const auto sampler :
       {SamplerType::kEuler, SamplerType::kEulerAncestral, SamplerType::kHeun}) {
    options.sampler = sampler;
    const auto levels = sampling_levels(*process, options);
    EXPECT_DOUBLE_EQ(levels[1].t, 749.25);
    const double low = process->level_at(749).ratio();
    EXPECT_NEAR(levels[1].ratio(), low + 0.25 * (process->level_at(750).ratio() - low), 1e-9);
    EXPECT_EQ(levels[0].t, 999.0);
    EXPECT_EQ(levels[4].t, 0.0);
  }
}

TEST(SamplingLevels, OfAGridMayLieBetweenTheEndsOfASpacing) {
  const auto process = process_of(ProcessType::kDiscrete);
  SampleConfig options;
  options.sampler = SamplerType::kHeun;
  options.timestep_spacing = TimestepSpacing::kKarras;
  options.grid_ends = TimestepSpacing::kTrailing;
  options.steps = 10;
  const auto levels = sampling_levels(*process, options);
  EXPECT_EQ(levels[0].t, 999.0);
  EXPECT_EQ(levels[9].t, 99.0);
  EXPECT_EQ(levels[10].sigma, 0.0);
}

TEST(SamplingLevels, OfUniPcKeepTheCallThatCorrectsTheEnd) {
  const auto process = process_of(ProcessType::kDiscrete);
  SampleConfig options;
  options.sampler = SamplerType::kUniPc;
  options.timestep_spacing = TimestepSpacing::kKarras;
  options.final_sigmas_type = FinalSigma::kSigmaMin;
  options.steps = 10;
  const auto levels = sampling_levels(*process, options);
  ASSERT_EQ(levels.size(), 11U);
  EXPECT_EQ(levels[10].sigma, levels[9].sigma);
}

TEST(SamplingLevels, OfPureNoiseAreMovedForSolversThatDivideBySignal) {
  DiffusionConfig diffusion;
  diffusion.rescale_betas_zero_snr = true;
  diffusion.prediction_type = PredictionType::kVPrediction;
  const auto process = make_process(diffusion);
  SampleConfig options;
  EXPECT_EQ(sampling_levels(*process, options).front().alpha, 0.0);
  options.sampler = SamplerType::kDpmpp2m;
  EXPECT_NEAR(sampling_levels(*process, options).front().alpha, std::pow(2.0, -12), 1e-12);
}

}  // namespace
}  // namespace ddpm
