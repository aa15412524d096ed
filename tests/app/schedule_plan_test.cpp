#include "ddpm/app/schedule_plan.h"

#include <gtest/gtest.h>

#include "tests/app/app_fixture.h"

namespace ddpm {
namespace {

class SchedulePlanTest : public TrainedTest {
 protected:
  static std::vector<NamedSchedule> with_settings(
      const std::map<std::string, std::string>& settings,
      const std::vector<std::string>& names = {}) {
    ScheduleRequest request;
    request.names = names;
    request.settings = settings;
    return plan_schedules(request);
  }

  static void refused(const std::map<std::string, std::string>& settings,
                      const std::vector<std::string>& names, const std::string& text) {
    expect_error<UserError>([&] { with_settings(settings, names); }, text);
  }
};

TEST_F(SchedulePlanTest, AWordIsASchedule) {
  const auto all = with_settings({}, {"linear", "cosine", "edm", "flow"});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].diffusion.beta_schedule, BetaSchedule::kLinear);
  EXPECT_EQ(all[1].diffusion.beta_schedule, BetaSchedule::kCosine);
  EXPECT_EQ(all[2].diffusion.process, ProcessType::kEdm);
  EXPECT_EQ(all[3].diffusion.process, ProcessType::kFlow);
  EXPECT_EQ(all[1].name, "cosine");
  EXPECT_EQ(with_settings({}).at(0).name, "linear");
}

TEST_F(SchedulePlanTest, SettingsHoldForAllAndSeveralValuesGiveAScheduleEach) {
  const auto all =
      with_settings({{"diffusion.num_train_timesteps", "10, 20"}}, {"cosine", "linear"});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1].name, "cosine, num_train_timesteps 20");
  EXPECT_EQ(all[3].diffusion.num_train_timesteps, 20);
  const auto words = with_settings({{"diffusion.beta_schedule", "linear,squaredcos_cap_v2"}});
  EXPECT_EQ(words.at(1).name, "squaredcos_cap_v2");
  const auto trained = with_settings(
      {{"diffusion.trained_betas", "0.1,0.2,1"}, {"diffusion.num_train_timesteps", "3"}});
  EXPECT_EQ(trained.at(0).diffusion.trained_betas, (std::vector<double>{0.1, 0.2, 1}));
}

TEST_F(SchedulePlanTest, NamesDiffer) {
  const auto all = with_settings({}, {"linear", "linear"});
  EXPECT_EQ(all.at(0).name, "linear");
  EXPECT_EQ(all.at(1).name, "linear (2)");
}

TEST_F(SchedulePlanTest, ReadsConfigsCheckpointsAndSchedulerFolders) {
  dir_.write("scheduler/scheduler_config.json",
             R"({"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2"})");
  ScheduleRequest request;
  request.configs = {"tiny.yaml"};
  request.checkpoints = {"runs/tiny", "scheduler"};
  const auto all = plan_schedules(request);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "tiny");
  EXPECT_EQ(all[0].diffusion.num_train_timesteps, 50);
  EXPECT_EQ(curve_of(*make_process(all[1].diffusion)).beta,
            curve_of(*make_process(all[0].diffusion)).beta);
  EXPECT_EQ(all[2].diffusion.beta_schedule, BetaSchedule::kCosine);
  request.checkpoints = {"nowhere"};
  expect_error<CheckpointError>([&] { plan_schedules(request); }, "nowhere");
}

TEST_F(SchedulePlanTest, WrongWordsAndSettingsAreRefused) {
  refused({}, {"cosin"}, "did you mean 'cosine'?");
  refused({{"diffusion.beta_schedule", "jsd"}}, {"linear"}, "give one of them");
  refused({{"diffusion.beta_end", "0.01,2"}}, {}, "diffusion.beta_end must be");
  refused({{"diffusion.num_train_timesteps", "2,3,4,5,6"}},
          {"linear", "cosine", "sigmoid", "jsd", "edm", "flow"}, "expected at most 28");
}

TEST_F(SchedulePlanTest, TimestepsAreRisingWholeNumbers) {
  EXPECT_EQ(parse_timesteps("0, 500,999"), (std::vector<int64_t>{0, 500, 999}));
  for (const char* text : {"5,2", "5,5", "-1", "1.5", "a", ""})
    expect_error<UserError>([&] { parse_timesteps(text); }, "`timesteps`");
}

}  // namespace
}  // namespace ddpm
