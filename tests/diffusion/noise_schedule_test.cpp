#include "ddpm/diffusion/noise_schedule.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

void expect_close(double ours, double reference, const std::string& what) {
  EXPECT_NEAR(ours, reference, 1e-9 * std::abs(reference)) << what;
}

TEST(NoiseSchedule, AgreesWithTheReference) {
  const auto golden = load_json(test_data("schedules.json")).at("schedules");
  ASSERT_GE(golden.size(), 4U);
  for (const auto& row : golden) {
    DiffusionConfig config;
    config.beta_schedule = *from_name<BetaSchedule>(row.at("beta_schedule").get<std::string>());
    config.num_train_timesteps = row.at("num_train_timesteps");
    if (!row.at("beta_start").is_null()) config.beta_start = row.at("beta_start");
    if (!row.at("beta_end").is_null()) config.beta_end = row.at("beta_end");
    const NoiseSchedule schedule(config);
    for (const auto& [t, beta] : row.at("betas").items())
      expect_close(schedule.beta(std::stoll(t)), beta, "beta " + t);
    for (const auto& [t, alpha_bar] : row.at("alphas_cumprod").items())
      expect_close(schedule.alpha_bar(std::stoll(t)), alpha_bar, "alpha_bar " + t);
  }
}

TEST(NoiseSchedule, StartsAtTheCleanImageAndFalls) {
  for (const auto& entry : kNames<BetaSchedule>) {
    DiffusionConfig config;
    config.beta_schedule = entry.value;
    const NoiseSchedule schedule(config);
    EXPECT_EQ(schedule.alpha_bar(-1), 1.0);
    for (int64_t t = 0; t < schedule.size(); ++t)
      ASSERT_LT(schedule.alpha_bar(t), schedule.alpha_bar(t - 1)) << entry.name << " " << t;
    EXPECT_GE(schedule.alpha_bar(schedule.size() - 1), 0.0);
  }
}

TEST(NoiseSchedule, RescaledToZeroSnrHasThePublishedValues) {
  DiffusionConfig config;
  config.rescale_betas_zero_snr = true;
  const NoiseSchedule schedule(config);
  expect_close(schedule.beta(0), 1e-4, "beta 0");
  expect_close(schedule.beta(500), .0102926174264, "beta 500");
  expect_close(schedule.beta(998), .75226723115, "beta 998");
  EXPECT_EQ(schedule.beta(999), 1.0);
  expect_close(schedule.alpha_bar(500), .0752462157043, "alpha_bar 500");
  expect_close(schedule.alpha_bar(998), 4.21326246509e-9, "alpha_bar 998");
  EXPECT_EQ(schedule.alpha_bar(999), 0.0);
}

TEST(NoiseSchedule, JsdFallsLinearlyToNoSignal) {
  DiffusionConfig config;
  config.num_train_timesteps = 8;
  config.beta_schedule = BetaSchedule::kJsd;
  const NoiseSchedule schedule(config);
  for (int64_t t = 0; t < 8; ++t)
    EXPECT_NEAR(schedule.alpha_bar(t), static_cast<double>(7 - t) / 8, 1e-12);
}

TEST(NoiseSchedule, QuadraticIsTheOtherNameOfScaledLinear) {
  DiffusionConfig config;
  config.beta_schedule = *from_name<BetaSchedule>("quadratic");
  const NoiseSchedule schedule(config);
  expect_close(schedule.beta(500), .00574207106769, "beta 500");
  expect_close(schedule.alpha_bar(999), .000733412459581, "alpha_bar 999");
}

TEST(NoiseSchedule, SigmoidRisesSymmetrically) {
  DiffusionConfig config;
  config.num_train_timesteps = 3;
  config.beta_schedule = BetaSchedule::kSigmoid;
  const NoiseSchedule schedule(config);
  EXPECT_NEAR(schedule.beta(1), (1e-4 + 0.02) / 2, 1e-12);
  EXPECT_NEAR(schedule.beta(0), 1e-4 + 0.0199 / (1 + std::exp(6.0)), 1e-12);
}

TEST(NoiseSchedule, TakesGivenBetas) {
  DiffusionConfig config;
  config.num_train_timesteps = 3;
  config.trained_betas = {0.1, 0.5, 0.2};
  const NoiseSchedule schedule(config);
  EXPECT_EQ(schedule.size(), 3);
  EXPECT_NEAR(schedule.alpha_bar(2), 0.9 * 0.5 * 0.8, 1e-12);
}

}  // namespace
}  // namespace ddpm
