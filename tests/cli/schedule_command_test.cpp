#include <cmath>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;

class ScheduleCommand : public CommandTest {
 protected:
  CommandResult schedule(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"schedule", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// The schedules that `--json` prints.
  json numbers(std::vector<std::string> words) const {
    words.push_back("--json");
    const auto result = schedule(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out).at("schedules");
  }

  std::string file(const std::string& name) const { return read_file(dir_.path() / name); }
};

TEST_F(ScheduleCommand, DrawsWordsAndPrintsOnlyThePath) {
  const auto result = schedule({"linear", "cosine", "jsd"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "schedule.svg\n");
  EXPECT_EQ(result.err, "");
  const auto svg = file("schedule.svg");
  for (const char* name : {">linear<", ">cosine<", ">jsd<", ">timestep t<", ">beta<"})
    EXPECT_NE(svg.find(name), svg.npos) << name;
  EXPECT_EQ(schedule({"linear", "cosine", "jsd"}).out, "schedule-2.svg\n");
  EXPECT_EQ(file("schedule-2.svg"), svg);
}

TEST_F(ScheduleCommand, PrintsTheNumbersOfTheReference) {
  const auto all = numbers({"linear", "cosine"});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_NEAR(all[0].at("betas")[0].get<double>(), 1e-4, 1e-15);
  EXPECT_NEAR(all[0].at("alpha_bars")[500].get<double>(), .077796658365, 1e-12);
  EXPECT_NEAR(all[1].at("alpha_bars")[999].get<double>(), 2.42876690703e-09, 1e-19);
  EXPECT_NEAR(all[1].at("betas")[999].get<double>(), .999, 1e-12);
  const double share = all[0].at("alpha_bars")[3].get<double>();
  EXPECT_NEAR(all[0].at("log_snr")[3].get<double>(), std::log(share / (1 - share)), 1e-9);
}

TEST_F(ScheduleCommand, SettingsHoldForAllAndSeveralValuesGiveAScheduleEach) {
  const auto all = numbers({"cosine", "linear", "--diffusion.num_train_timesteps", "10, 20"});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1].at("name"), "cosine, num_train_timesteps 20");
  EXPECT_EQ(all[3].at("betas").size(), 20U);
  const auto words = numbers({"--diffusion.beta_schedule", "linear,squaredcos_cap_v2"});
  EXPECT_EQ(words[1].at("name"), "squaredcos_cap_v2");
  EXPECT_EQ(
      numbers({"--diffusion.trained_betas", "0.1,0.2,1", "--diffusion.num_train_timesteps", "3"})[0]
          .at("log_snr")[2],
      nullptr);
}

TEST_F(ScheduleCommand, KnowsProcessesWithoutBetas) {
  const auto all = numbers({"edm", "flow"});
  EXPECT_NEAR(all[0].at("sigmas").back().get<double>(), 80.0, 1e-9);
  EXPECT_EQ(all[1].at("sigmas")[250].get<double>(), 0.25);
  EXPECT_FALSE(all[1].contains("betas"));
  const auto svg = file("schedule.svg");
  EXPECT_EQ(svg.find(">beta<"), svg.npos);
  EXPECT_NE(svg.find(">t / T<"), svg.npos);
}

TEST_F(ScheduleCommand, ReadsConfigsCheckpointsAndSchedulerFolders) {
  dir_.write("scheduler/scheduler_config.json",
             R"({"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2"})");
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  const auto all =
      numbers({"--config", "tiny.yaml", "--checkpoint", "runs/tiny", "--checkpoint", "scheduler"});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].at("name"), "tiny");
  EXPECT_EQ(all[0].at("betas").size(), 50U);
  EXPECT_EQ(all[1].at("betas"), all[0].at("betas"));
  EXPECT_EQ(all[2].at("beta_schedule"), "squaredcos_cap_v2");
}

TEST_F(ScheduleCommand, NoisesAnImageInARowASchedule) {
  write_image("grey.png", 200);
  const std::vector<std::string> words{"cosine",      "flow",      "--image", "grey.png",
                                       "--timesteps", "0,500,999", "--out"};
  auto with_out = words;
  with_out.push_back("new/strip.png");
  EXPECT_EQ(schedule(with_out).out, "new/strip.png\n");
  const auto strip = decode_image(file("new/strip.png"), "strip");
  EXPECT_EQ(strip.width, 3 * 8 + 2 * 2);
  EXPECT_EQ(strip.height, 2 * 8 + 2);
  EXPECT_NEAR(strip.pixels[0], 200, 3);                                 // hardly noised
  EXPECT_EQ(strip.pixels[static_cast<size_t>(10 * strip.width)], 200);  // sigma 0 of flow
  EXPECT_EQ(schedule({"edm", "--image", "grey.png"}).out, "schedule.png\n");
}

TEST_F(ScheduleCommand, MistakesAreOneLine) {
  expect_error(schedule({"cosin"}), 2, "did you mean 'cosine'?");
  expect_error(schedule({"linear", "--out", "x.png"}), 2, "expected NAME.svg");
  expect_error(schedule({"linear", "--out", "tiny.yaml"}), 2, "expected NAME.svg");
  dir_.write("x.svg", "mine");
  expect_error(schedule({"linear", "--out", "x.svg"}), 2, "exists already");
  expect_error(schedule({"linear", "--timesteps", "1,2"}), 2, "needs --image");
  expect_error(schedule({"linear", "--lgo"}), 2, "did you mean '--log'?");
  expect_error(schedule({"linear", "--diffusion.beta_schedule", "jsd"}), 2, "give one of them");
  expect_error(schedule({"--diffusion.beta_end", "0.01,2"}), 2, "diffusion.beta_end must be");
  expect_error(schedule({"--checkpoint", "nowhere"}), 4, "nowhere");
  expect_error(schedule({"--image", "tiny.yaml"}), 3, "tiny.yaml");
  write_image("grey.png", 200);
  expect_error(schedule({"--image", "grey.png", "--timesteps", "0,1000"}), 2, "0 to 999");
  expect_error(schedule({"--image", "grey.png", "--timesteps", "5,2"}), 2, "rising");
  EXPECT_FALSE(exists("schedule.svg"));
  EXPECT_FALSE(exists("schedule.png"));
}

}  // namespace
}  // namespace ddpm
