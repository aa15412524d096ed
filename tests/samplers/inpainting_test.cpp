#include "ddpm/samplers/inpainting.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/levels.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

TEST(RepaintLevels, AreThoseOfTheOracle) {
  const std::vector<int64_t> expected{5, 4, 3, 2, 3, 4, 3, 2, 1, 0, 1, 2, 1, 0, -1};
  EXPECT_EQ(repaint_levels(6, {.length = 2, .samples = 2}), expected);
  EXPECT_EQ(repaint_levels(3, {.length = 10, .samples = 10}), (std::vector<int64_t>{2, 1, 0, -1}));
}

TEST(RepaintLevels, TakeAsManyStepsAsInThePaper) {
  const auto moves = [](int64_t steps, int64_t samples) {
    const auto levels = repaint_levels(steps, {.length = 10, .samples = samples});
    int64_t down = 1;  // from the noise
    for (size_t i = 1; i + 1 < levels.size(); ++i)
      down += levels[i] < levels[i - 1] ? 1 : 0;
    return std::pair(down, static_cast<int64_t>(levels.size()) - 1 - down);
  };
  EXPECT_EQ(moves(250, 10), std::pair(int64_t{2410}, int64_t{2160}));
  EXPECT_EQ(moves(50, 10), std::pair(int64_t{410}, int64_t{360}));
  EXPECT_EQ(moves(100, 5), std::pair(int64_t{460}, int64_t{360}));
}

TEST(RepaintLevels, JumpLessFarInShortRuns) {
  EXPECT_EQ(usual_jump_length(250), 10);
  EXPECT_EQ(usual_jump_length(50), 10);
  EXPECT_EQ(usual_jump_length(20), 4);
  EXPECT_EQ(usual_jump_length(3), 1);
}

/// The exact denoiser of pairs of pixels, N(0, 1) with this correlation.
Denoiser pair_denoiser(double rho) {
  const auto covariance = torch::tensor({1.0, rho, rho, 1.0}, torch::kFloat64).view({2, 2});
  const auto unit = torch::eye(2, torch::kFloat64);
  return [=](const torch::Tensor& x, const NoiseLevel& level) -> Prediction {
    const auto total = level.alpha * level.alpha * covariance + level.sigma * level.sigma * unit;
    const auto weights = level.alpha * torch::matmul(torch::inverse(total), covariance);
    const auto x0 = torch::matmul(x.view({-1, 2}), weights).view_as(x);
    return {.x0 = x0, .eps = noise_between(level, x0, x)};
  };
}

struct Law {
  double coefficient;  // of the known pixel
  double variance;
};

/// How the drawn pixel depends on the known one. The run is linear, so the first image has the
/// known pixel 1 and no noise, and each other one number of noise that is 1, and nothing else.
Law law_of_drawn_pixel(int64_t steps, const RepaintJumps& jumps) {
  const auto process = make_process(DiffusionConfig());
  SampleConfig options;
  options.sampler = SamplerType::kDdpm;
  options.variance_type = VarianceType::kFixedSmall;
  options.timestep_spacing = TimestepSpacing::kUniform;
  options.steps = steps;
  const int64_t images = 5 * static_cast<int64_t>(repaint_levels(steps, jumps).size());
  int64_t used = 1;
  const auto next_noise = [&](int64_t) {
    auto noise = torch::zeros({images, 1, 1, 2}, torch::kFloat64);
    for (int64_t pixel = 0; pixel < 2; ++pixel)
      noise.view({-1, 2})[used++][pixel] = 1.0;
    return noise;
  };
  auto known = torch::zeros({images, 1, 1, 2}, torch::kFloat64);
  known.view({-1, 2})[0][0] = 1.0;
  const SamplerInputs inputs{.process = *process,
                             .options = options,
                             .levels = sampling_levels(*process, options),
                             .denoise = pair_denoiser(.8),
                             .noise = next_noise};
  const auto x = run_repaint(inputs, {known, torch::tensor({true, false}).view({1, 1, 1, 2})},
                             next_noise, jumps, next_noise(0));
  const auto drawn = x.view({-1, 2}).select(1, 1);
  return {drawn[0].item<double>(), drawn.slice(0, 1).square().sum().item<double>()};
}

TEST(Repaint, DrawsWithTheLawOfTheOracle) {
  const auto once = law_of_drawn_pixel(50, {.length = 10, .samples = 1});
  EXPECT_NEAR(once.coefficient, .48072368, 1e-8);
  EXPECT_NEAR(once.variance, .42914526, 1e-8);
  const auto five = law_of_drawn_pixel(50, {.length = 10, .samples = 5});
  EXPECT_NEAR(five.coefficient, .66291697, 1e-8);
  EXPECT_NEAR(five.variance, .36541068, 1e-8);
  const auto ten = law_of_drawn_pixel(50, {.length = 10, .samples = 10});
  EXPECT_NEAR(ten.coefficient, .67044787, 1e-8);
  EXPECT_NEAR(ten.variance, .36526606, 1e-8);
}

TEST(Repaint, MoreStepsAloneDoNotHelp) {
  const auto law = law_of_drawn_pixel(250, {.length = 10, .samples = 1});
  EXPECT_NEAR(law.coefficient, .49617635, 1e-8);
  EXPECT_NEAR(law.variance, .47746612, 1e-8);
}

class RepaintOfEverySampler : public testing::TestWithParam<SamplerType> {
 protected:
  torch::Tensor repainted(const Process& process, bool keep, const RepaintJumps& jumps) {
    const auto all = inputs(process);
    const auto image = torch::full({4, 1, 1, 1}, .2, torch::kFloat64);
    return run_repaint(
        all, {image, torch::full({1, 1, 1, 1}, keep)},
        [](int64_t) {
          return torch::randn({4, 1, 1, 1}, torch::kFloat64);
        },
        jumps, start_);
  }

  SamplerInputs inputs(const Process& process) {
    options_.sampler = GetParam();
    options_.steps = 12;
    options_.variance_type = VarianceType::kFixedSmall;
    return {.process = process,
            .options = options_,
            .levels = sampling_levels(process, options_),
            .denoise = memorising_denoiser(torch::tensor({-1.0, .2, .9}, torch::kFloat64)),
            .noise = [](int64_t step) {
              return torch::linspace(-1, 1, 4, torch::kFloat64).view({4, 1, 1, 1}) *
                     (1.0 + .1 * static_cast<double>(step));
            }};
  }

  SampleConfig options_;
  torch::Tensor start_ = torch::tensor({-1.5, -.2, .35, 2.0}, torch::kFloat64).view({4, 1, 1, 1});
};

TEST_P(RepaintOfEverySampler, OfNothingKnownIsSamplingToTheBit) {
  for (const auto& type : kNames<ProcessType>) {
    DiffusionConfig diffusion;
    diffusion.process = type.value;
    const auto process = make_process(diffusion);
    const auto plain = run_sampler(inputs(*process), start_);
    EXPECT_TRUE(torch::equal(repainted(*process, false, {.samples = 1}), plain)) << type.name;
  }
}

TEST_P(RepaintOfEverySampler, OfAllKnownIsTheInput) {
  const auto process = make_process(DiffusionConfig());
  const auto x = repainted(*process, true, {.length = 2, .samples = 3});
  EXPECT_TRUE(torch::equal(x, torch::full({4, 1, 1, 1}, .2, torch::kFloat64)));
}

std::vector<SamplerType> samplers() {
  std::vector<SamplerType> list;
  for (const auto& entry : kNames<SamplerType>)
    list.push_back(entry.value);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Samplers, RepaintOfEverySampler, testing::ValuesIn(samplers()));

}  // namespace
}  // namespace ddpm
