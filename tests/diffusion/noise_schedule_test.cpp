#include "ddpm/diffusion/noise_schedule.h"

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
    EXPECT_GT(schedule.alpha_bar(schedule.size() - 1), 0.0);
  }
}

}  // namespace
}  // namespace ddpm
