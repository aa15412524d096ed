#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/levels.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

/// Sampling of Gaussian data with the exact denoiser: every end is a number that can be worked out.

ProcessPtr edm_process() {
  DiffusionConfig diffusion;
  diffusion.process = ProcessType::kEdm;
  return make_process(diffusion);
}

SampleConfig solver(SamplerType sampler, int64_t order = 0) {
  SampleConfig options;
  options.sampler = sampler;
  options.order = order;
  options.clip_sample = false;
  return options;
}

/// S steps between S + 1 levels from 80 to 0.002, the last of which is the end.
std::vector<NoiseLevel> levels_to_lowest(TimestepSpacing spacing, int64_t steps) {
  auto options = solver(SamplerType::kDpmpp2m);
  options.timestep_spacing = spacing;
  options.steps = steps + 1;
  options.final_sigmas_type = FinalSigma::kSigmaMin;
  return sampling_levels(*edm_process(), options);
}

/// Published ends; where the publication lowers the last orders at 20 steps as well, which
/// diffusers and this program do below 15 only, ends of the formulas without that, computed in
/// Python.
struct Row {
  const char* name;
  SamplerType sampler;
  TimestepSpacing spacing;
  int64_t order;
  SolverType type;
  bool lower_order_final;
  double end_10;
  double end_20;
  double slope;  // of the error from 40 to 80 steps
};

constexpr auto kKarras = TimestepSpacing::kKarras;
constexpr auto kLogSnr = TimestepSpacing::kLogSnr;
constexpr auto kUsual = SolverType::kAuto;
constexpr Row kRows[] = {
    {"euler", SamplerType::kEuler, kKarras, 0, kUsual, true, .4867805462, .5152608796, 0.97},
    {"heun", SamplerType::kHeun, kKarras, 0, kUsual, true, .5914489477, .5578475242, 2.04},
    {"ipndm", SamplerType::kIpndm, kKarras, 4, kUsual, true, .5616384884, .5517738795, 2.10},
    {"deis", SamplerType::kDeis, kKarras, 4, SolverType::kRho, false, .5121504904, .5407091456,
     3.54},
    {"dpmpp_2m", SamplerType::kDpmpp2m, kLogSnr, 0, kUsual, true, .5572136266, .5520155116, 1.97},
    {"dpmpp_3m", SamplerType::kDpmpp3m, kLogSnr, 0, kUsual, true, .5740566820, .5505437183, 2.17},
    {"unipc", SamplerType::kUniPc, kLogSnr, 3, SolverType::kBh2, true, .5645988721, .5483005865,
     3.13},
};

class GaussianEnd : public testing::TestWithParam<Row> {
 protected:
  static double end(int64_t steps) {
    const auto& row = GetParam();
    auto options = solver(row.sampler, row.order);
    options.solver_type = row.type;
    options.lower_order_final = row.lower_order_final;
    return end_of(*edm_process(), options, levels_to_lowest(row.spacing, steps),
                  gaussian_denoiser(.3, .25), 40.0);
  }
};

TEST_P(GaussianEnd, IsThatOfTheOracle) {
  EXPECT_NEAR(end(10), GetParam().end_10, 1e-9);
  EXPECT_NEAR(end(20), GetParam().end_20, 1e-9);
}

TEST_P(GaussianEnd, ErrorFallsAtTheOracleRate) {
  constexpr double kExact = .5481221389038592;
  const double error_40 = std::abs(end(40) - kExact);
  const double error_80 = std::abs(end(80) - kExact);
  EXPECT_NEAR(std::log2(error_40 / error_80), GetParam().slope, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Solvers, GaussianEnd, testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

double sde_variance(SamplerType sampler, int64_t steps) {
  return final_variance(*edm_process(), solver(sampler), levels_to_lowest(kLogSnr, steps),
                        gaussian_denoiser(0, 1), 80.0 * 80.0);
}

TEST(GaussianVariance, OfTheStochasticSolversIsThatOfTheOracle) {
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp2mSde, 20), 1.07340730, 1e-7);
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp2mSde, 50), 1.01458245, 1e-7);
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp2mSde, 100), 1.00372622, 1e-7);
}

/// diffusers has a term with the wrong sign, and ends at 1.327, 1.097 and 1.042.
TEST(GaussianVariance, OfTheThirdOrderSolverNeedsTheRightSign) {
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp3mSde, 20), 1.10594608, 1e-7);
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp3mSde, 50), 1.01132079, 1e-7);
  EXPECT_NEAR(sde_variance(SamplerType::kDpmpp3mSde, 100), 1.00261274, 1e-7);
}

TEST(GaussianVariance, OfHeunWithChurnIsThatOfTheOracle) {
  auto options = solver(SamplerType::kHeun);
  options.timestep_spacing = kKarras;
  options.steps = 18;
  options.s_tmin = 0.05;
  options.s_tmax = 50.0;
  const auto process = edm_process();
  const auto levels = sampling_levels(*process, options);
  const auto variance = [&](double churn) {
    options.s_churn = churn;
    return final_variance(*process, options, levels, gaussian_denoiser(0, 1), 80.0 * 80.0);
  };
  EXPECT_NEAR(variance(0), 1.09145835, 1e-7);
  EXPECT_NEAR(variance(30), 1.22383265, 1e-7);
}

TEST(GaussianVariance, OfEveryStochasticSamplerTendsToThatOfTheData) {
  for (const auto sampler : {SamplerType::kDpmpp2mSde, SamplerType::kDpmpp3mSde,
                             SamplerType::kEulerAncestral, SamplerType::kDdpm}) {
    for (const auto& process_type : kNames<ProcessType>) {
      DiffusionConfig diffusion;
      diffusion.process = process_type.value;
      const auto process = make_process(diffusion);
      auto options = solver(sampler);
      options.steps = 400;
      options.variance_type = VarianceType::kFixedSmall;
      options.timestep_spacing = kLogSnr;
      const auto levels = sampling_levels(*process, options);
      const double start =
          std::pow(levels.front().alpha, 2) * .25 + std::pow(levels.front().sigma, 2);
      const double variance =
          final_variance(*process, options, levels, gaussian_denoiser(0, .25), start);
      EXPECT_NEAR(variance, .25, 0.01) << to_name(sampler) << " " << process_type.name;
    }
  }
}

/// diffusers gives NaN here: B(h) of bh1 is infinite in the step to the clean image.
TEST(GaussianChain, OfUniPcWithBh1ReachesTheCleanImage) {
  const auto process = make_process(DiffusionConfig());
  const auto end = [&](SolverType type) {
    auto options = solver(SamplerType::kUniPc, 3);
    options.solver_type = type;
    options.steps = 20;
    return end_of(*process, options, sampling_levels(*process, options), gaussian_denoiser(0, .25),
                  1.0);
  };
  EXPECT_NEAR(end(SolverType::kBh1), .5, 0.03);
  EXPECT_NE(end(SolverType::kBh1), end(SolverType::kBh2));
}

/// Of the linear schedule, trailing, N(0, .25), from 1: computed with the installed diffusers.
TEST(GaussianChain, EndsAsInDiffusers) {
  const auto process = make_process(DiffusionConfig());
  const auto end = [&](SamplerType sampler, int64_t order, int64_t steps) {
    auto options = solver(sampler, order);
    options.steps = steps;
    options.timestep_spacing = TimestepSpacing::kTrailing;
    if (sampler == SamplerType::kDeis) options.final_sigmas_type = FinalSigma::kSigmaMin;
    return end_of(*process, options, sampling_levels(*process, options), gaussian_denoiser(0, .25),
                  1.0);
  };
  EXPECT_NEAR(end(SamplerType::kDdim, 0, 10), .36995, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDpmpp2m, 0, 10), .40476, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDpmpp3m, 0, 10), .40919, 2e-5);
  EXPECT_NEAR(end(SamplerType::kUniPc, 2, 10), .40951, 2e-5);
  EXPECT_NEAR(end(SamplerType::kUniPc, 3, 10), .41085, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDeis, 2, 10), .40215, 2e-5);
  EXPECT_NEAR(end(SamplerType::kHeun, 0, 10), .43525, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDdim, 0, 20), .43137, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDpmpp2m, 0, 20), .47821, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDpmpp3m, 0, 20), .47997, 2e-5);
  EXPECT_NEAR(end(SamplerType::kUniPc, 2, 20), .47976, 2e-5);
  EXPECT_NEAR(end(SamplerType::kUniPc, 3, 20), .48067, 2e-5);
  EXPECT_NEAR(end(SamplerType::kDeis, 2, 20), .51709, 2e-5);
  EXPECT_NEAR(end(SamplerType::kHeun, 0, 20), .48025, 2e-5);
}

/// Straight paths, N(.3, .25), from .8; the exact end is .7. The last level stands just above the
/// clean image, so that Heun's last step is one of second order.
TEST(GaussianFlow, EndsWhereTheOracleSays) {
  DiffusionConfig diffusion;
  diffusion.process = ProcessType::kFlow;
  const auto process = make_process(diffusion);
  const auto end = [&](SamplerType sampler, int64_t steps) {
    auto options = solver(sampler);
    options.steps = steps;
    auto levels = sampling_levels(*process, options);
    levels.front() = process->level_at(1000.0);
    levels.back() = process->level_at(1e-9);
    return end_of(*process, options, levels, gaussian_denoiser(.3, .25), .8);
  };
  EXPECT_NEAR(end(SamplerType::kEuler, 1), .3, 1e-8);
  EXPECT_NEAR(end(SamplerType::kEuler, 2), .46, 1e-8);
  EXPECT_NEAR(end(SamplerType::kEuler, 10), .6446260839, 1e-8);
  EXPECT_NEAR(end(SamplerType::kEuler, 100), .6941163810, 1e-8);
  EXPECT_NEAR(end(SamplerType::kHeun, 1), .7, 1e-8);
  EXPECT_NEAR(end(SamplerType::kHeun, 2), .684, 1e-8);
  EXPECT_NEAR(end(SamplerType::kHeun, 10), .7013759298, 1e-8);
}

}  // namespace
}  // namespace ddpm
