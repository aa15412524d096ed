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

TEST_F(ScheduleCommand, JsonHasTheNumbersOfEachSchedule) {
  const auto all = json::parse(schedule({"linear", "flow", "--json"}).out).at("schedules");
  ASSERT_EQ(all.size(), 2U);
  for (const char* key : {"name", "process", "num_train_timesteps", "beta_schedule", "t", "betas",
                          "alpha_bars", "log_snr", "alphas", "sigmas"})
    EXPECT_TRUE(all[0].contains(key)) << key;
  EXPECT_NEAR(all[0].at("alpha_bars")[500].get<double>(), .077796658365, 1e-12);
  EXPECT_FALSE(all[1].contains("betas"));
  EXPECT_EQ(all[1].at("log_snr")[0], nullptr);  // infinite
}

TEST_F(ScheduleCommand, NoisesAnImageInARowASchedule) {
  write_image("grey.png", 200);
  const auto result = schedule({"cosine", "flow", "--image", "grey.png", "--timesteps", "0,500,999",
                                "--image-size", "4", "--out", "new/strip.png"});
  EXPECT_EQ(result.out, "new/strip.png\n") << result.err;
  const auto strip = decode_image(file("new/strip.png"), "strip");
  EXPECT_EQ(strip.width, 3 * 4 + 2 * 2);
  EXPECT_EQ(strip.height, 2 * 4 + 2);
  EXPECT_EQ(schedule({"edm", "--image", "grey.png"}).out, "schedule.png\n");
}

TEST_F(ScheduleCommand, MistakesAreOneLine) {
  expect_error(schedule({"cosin"}), 2, "did you mean 'cosine'?");
  expect_error(schedule({"linear", "--lgo"}), 2, "did you mean '--log'?");
  expect_error(schedule({"linear", "--out", "x.png"}), 2, "expected NAME.svg");
  dir_.write("x.svg", "mine");
  expect_error(schedule({"linear", "--out", "x.svg"}), 2, "exists already");
  expect_error(schedule({"linear", "--timesteps", "1,2"}), 2, "needs --image");
  write_image("grey.png", 200);
  expect_error(schedule({"--image", "grey.png", "--timesteps", "5,2"}), 2, "--timesteps '5,2'");
  expect_error(schedule({"--image", "tiny.yaml"}), 3, "tiny.yaml");
  expect_error(schedule({"--checkpoint", "nowhere"}), 4, "nowhere");
  EXPECT_FALSE(exists("schedule.svg") || exists("schedule.png"));
}

}  // namespace
}  // namespace ddpm
