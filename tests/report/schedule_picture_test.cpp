#include "ddpm/report/schedule_picture.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

NamedSchedule schedule_of(ProcessType process) {
  NamedSchedule schedule{.name = "other", .diffusion = {}};
  schedule.diffusion.process = process;
  return schedule;
}

NamedSchedule schedule_of(BetaSchedule betas) {
  NamedSchedule schedule{.name = "betas", .diffusion = {}};
  schedule.diffusion.beta_schedule = betas;
  return schedule;
}

ScheduleCurve curve_of(const NamedSchedule& schedule) {
  return curve_of(*make_process(schedule.diffusion));
}

Image grey() {
  return {.height = 8, .width = 8, .channels = 1, .pixels = std::vector<uint8_t>(64, 200)};
}

TEST(ScheduleCurve, HasTheNumbersOfTheReference) {
  const auto linear = curve_of(schedule_of(BetaSchedule::kLinear));
  EXPECT_NEAR(linear.beta[0], 1e-4, 1e-15);
  EXPECT_NEAR(linear.alpha_bar[500], .077796658365, 1e-12);
  const auto cosine = curve_of(schedule_of(BetaSchedule::kCosine));
  EXPECT_NEAR(cosine.alpha_bar[999], 2.42876690703e-09, 1e-19);
  EXPECT_NEAR(cosine.beta[999], .999, 1e-12);
  const double share = linear.alpha_bar[3];
  EXPECT_NEAR(linear.log_snr[3], std::log(share / (1 - share)), 1e-9);
}

TEST(ScheduleCurve, OfOtherProcessesHasNoBetas) {
  const auto edm = curve_of(schedule_of(ProcessType::kEdm));
  EXPECT_NEAR(edm.sigma.back(), 80.0, 1e-9);
  const auto flow = curve_of(schedule_of(ProcessType::kFlow));
  EXPECT_EQ(flow.sigma[250], 0.25);
  EXPECT_TRUE(flow.beta.empty());
}

TEST(ScheduleCurve, EndsInfinitelyNoisyAfterABetaOfOne) {
  auto schedule = schedule_of(BetaSchedule::kLinear);
  schedule.diffusion.trained_betas = {0.1, 0.2, 1.0};
  schedule.diffusion.num_train_timesteps = 3;
  EXPECT_EQ(curve_of(schedule).log_snr[2], -INFINITY);
}

TEST(SchedulePlot, HasALineAScheduleOverTimesteps) {
  const auto svg = to_svg(plot_schedules({{.name = "linear", .diffusion = {}}}, false));
  for (const char* text : {">linear<", ">timestep t<", ">beta<"})
    EXPECT_NE(svg.find(text), svg.npos) << text;
}

TEST(SchedulePlot, OfOtherProcessesHasNoPanelOfBetas) {
  const auto svg = to_svg(
      plot_schedules({schedule_of(ProcessType::kEdm), schedule_of(ProcessType::kFlow)}, false));
  EXPECT_EQ(svg.find(">beta<"), svg.npos);
  EXPECT_NE(svg.find(">t / T<"), svg.npos);
}

TEST(NoisedStrip, HasARowAScheduleAndAColumnATimestep) {
  const auto strip = noised_strip(
      {schedule_of(BetaSchedule::kCosine), schedule_of(ProcessType::kFlow)}, grey(), {0, 500, 999},
      /*seed=*/0);
  EXPECT_EQ(strip.width, 3 * 8 + 2 * 2);
  EXPECT_EQ(strip.height, 2 * 8 + 2);
  EXPECT_NEAR(strip.pixels[0], 200, 3);                                 // hardly noised
  EXPECT_EQ(strip.pixels[static_cast<size_t>(10 * strip.width)], 200);  // sigma 0 of flow
}

TEST(NoisedStrip, ShowsEightEvenTimestepsUnlessTold) {
  const auto strip = noised_strip({schedule_of(ProcessType::kEdm)}, grey(), {}, /*seed=*/0);
  EXPECT_EQ(strip.width, 8 * 8 + 7 * 2);
}

TEST(NoisedStrip, RefusesTimestepsThatAScheduleDoesNotHave) {
  expect_error<UserError>(
      [] {
        noised_strip({schedule_of(BetaSchedule::kLinear)}, grey(), {0, 1000}, /*seed=*/0);
      },
      "0 to 999");
}

}  // namespace
}  // namespace ddpm
