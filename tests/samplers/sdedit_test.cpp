#include "ddpm/samplers/sdedit.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/levels.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

class SdEditRun : public testing::Test {
 protected:
  SdEditRun() {
    options_.steps = 50;
    options_.timestep_spacing = TimestepSpacing::kUniform;
    options_.clip_sample = false;
  }

  SamplerInputs inputs(const Denoiser& denoise = gaussian_denoiser(0, .25)) const {
    return {.process = *process_,
            .options = options_,
            .levels = sampling_levels(*process_, options_),
            .denoise = denoise,
            .noise = [](int64_t) { return one(0); }};
  }

  double edited(double image, double noise, const SdEdit& edit) const {
    return run_sdedit(
               inputs(), edit, [=](int64_t) { return one(noise); }, one(image))
        .item<double>();
  }

  ProcessPtr process_ = make_process(DiffusionConfig());
  SampleConfig options_;
};

TEST_F(SdEditRun, WeighsImageAndNoiseAsTheOracle) {
  EXPECT_NEAR(edited(1, 0, {.strength = .5}), .15109744, 1e-8);
  EXPECT_NEAR(edited(0, 1, {.strength = .5}), .46671464, 1e-8);
  EXPECT_NEAR(edited(1, 0, {.strength = .2}), .58793251, 1e-8);
  EXPECT_NEAR(edited(0, 1, {.strength = .2}), .37609069, 1e-8);
}

TEST_F(SdEditRun, RepeatsStartFromTheResult) {
  EXPECT_NEAR(edited(1, 0, {.strength = .2, .repeats = 3}), std::pow(.58793251, 3), 1e-7);
}

TEST_F(SdEditRun, DoesTheStepsOfItsStrength) {
  EXPECT_EQ(edited_steps(50, 1.0), 50);
  EXPECT_EQ(edited_steps(50, .5), 25);
  EXPECT_EQ(edited_steps(4, .01), 1);
  EXPECT_EQ(edited_steps(3, .6), 2);
}

/// Each known pixel has the noise of its pass at the level of each call, and is given at the end.
TEST_F(SdEditRun, KnownPixelsStayOnTheirPath) {
  std::vector<double> seen;
  const auto watched = [&](const torch::Tensor& x, const NoiseLevel& level) {
    seen.push_back((x[0][0][0][0].item<double>() - level.alpha * .3) / level.sigma);
    return gaussian_denoiser(0, .25)(x, level);
  };
  const auto keep = torch::tensor({true, false}).view({1, 1, 1, 2});
  const auto image = torch::tensor({.3, -.2}, torch::kFloat64).view({1, 1, 1, 2});
  const SdEdit edit{.strength = .1, .repeats = 2, .known = KnownPart{image, keep}};
  const auto noise = [&](int64_t pass) {
    return torch::full({1, 1, 1, 2}, 1.0 + static_cast<double>(pass), torch::kFloat64);
  };
  const auto result = run_sdedit(inputs(watched), edit, noise, image);
  EXPECT_EQ(result[0][0][0][0].item<double>(), .3);
  EXPECT_NE(result[0][0][0][1].item<double>(), -.2);
  ASSERT_EQ(seen.size(), 10U);
  for (size_t call = 0; call < seen.size(); ++call)
    EXPECT_NEAR(seen[call], call < 5 ? 1.0 : 2.0, 1e-9) << call;
}

/// Gaussian data make the result linear in the image.
TEST_F(SdEditRun, KeepsLessOfTheImageAtHigherStrengthWithEverySampler) {
  for (const auto& type : kNames<ProcessType>) {
    DiffusionConfig diffusion;
    diffusion.process = type.value;
    process_ = make_process(diffusion);
    options_.timestep_spacing = TimestepSpacing::kAuto;
    options_.steps = 20;
    options_.variance_type = VarianceType::kFixedSmall;
    for (const auto& sampler : kNames<SamplerType>) {
      options_.sampler = sampler.value;
      const double little = edited(1, 0, {.strength = .8});
      const double much = edited(1, 0, {.strength = .2});
      EXPECT_LT(std::abs(little), 0.9 * much) << type.name << " " << sampler.name;
      EXPECT_LT(much, 1.0) << type.name << " " << sampler.name;
    }
  }
}

}  // namespace
}  // namespace ddpm
