#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <set>
#include <thread>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/checkpoints.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The number in an environment variable.
uint32_t number_from(const char* variable, uint32_t fallback) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? fallback : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

/// When a trainer is killed: so long after it has begun so many checkpoints, or after its start.
struct Moment {
  size_t checkpoints = 0;
  int64_t microseconds = 0;
};

Moment draw_moment(std::mt19937& random) {
  constexpr uint32_t kSession = 700'000;  // from the start to about the last step
  constexpr uint32_t kCheckpoint = 6'000;
  const auto below = [&](uint32_t end) { return static_cast<uint32_t>(random() % end); };
  if (below(3) == 0) return {.checkpoints = 0, .microseconds = below(kSession)};
  return {.checkpoints = 1 + below(3), .microseconds = below(kCheckpoint)};
}

/// A run that is killed again and again. DDPM_KILLS says how often in all, DDPM_KILL_SEED when.
class KilledRun : public CommandTest {
 protected:
  static constexpr int64_t kSteps = 60;
  static constexpr const char* kLast = "checkpoints/step-000060";

  fs::path run(const std::string& name) const { return dir_.path() / "runs" / name; }

  static std::vector<std::string> words(const std::string& name) {
    return {"train",
            "--config",
            "tiny.yaml",
            "-q",
            "--resume",
            "--threads",
            "1",
            "--train.steps",
            std::to_string(kSteps),
            "--train.keep_last",
            "2",
            "--train.log_every",
            "1",
            "--run",
            "runs/" + name};
  }

  /// Steps of the hidden folders of the process that is killed: those newer than all checkpoints
  /// are being written, the others removed.
  std::vector<int64_t> unfinished_steps(const std::string& name) const {
    std::vector<int64_t> steps;
    for (const auto& folder : unfinished_checkpoints(run(name) / "checkpoints"))
      if (folder.find("." + std::to_string(killed_) + ".") != folder.npos)
        steps.push_back(std::stoll(folder.substr(sizeof(".step-") - 1)));
    return steps;
  }

  /// Starts or goes on with the run and kills it; false if it came to its end before.
  bool is_killed(const std::string& name, const Moment& moment) {
    BackgroundCommand command(words(name), dir_.path());
    killed_ = command.pid();
    std::set<int64_t> begun;
    command.wait_until([&] {
      for (const int64_t step : unfinished_steps(name))
        if (step > newest_) begun.insert(step);
      return begun.size() >= moment.checkpoints;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(moment.microseconds));
    command.send(SIGKILL);
    const auto result = command.wait();
    EXPECT_EQ(result.err, "");  // no warning of a damaged checkpoint
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 128 + SIGKILL) << result.exit_code;
    return result.exit_code != 0;
  }

  /// What a kill must leave: whole checkpoints, at least one and none older than there was.
  void check_after_kill(const std::string& name) {
    const auto steps = whole_checkpoints(run(name) / "checkpoints");
    const int64_t newest = steps.empty() ? -1 : *steps.rbegin();
    EXPECT_GE(newest, newest_);
    newest_ = newest;
    if (steps.empty()) ++before_the_first_;
    for (const int64_t step : unfinished_steps(name))
      ++(step > newest ? in_a_checkpoint_ : in_a_removal_);
  }

  /// Kills the run until it ends, or `left` is used up.
  void kill_often(const std::string& name, std::mt19937& random, uint32_t& left) {
    newest_ = -1;
    while (left > 0 && !HasFailure()) {
      const auto moment = draw_moment(random);
      SCOPED_TRACE(name + ", " + std::to_string(left) +
                   " kills left: " + std::to_string(moment.microseconds) + " us after " +
                   std::to_string(moment.checkpoints) + " checkpoints have begun");
      if (!is_killed(name, moment)) return;
      --left;
      check_after_kill(name);
    }
  }

  /// Each line without what the clock says.
  std::vector<json> metrics(const std::string& name) const {
    std::vector<json> lines;
    std::ifstream file(run(name) / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      lines.push_back(json::parse(line));
      lines.back().erase("images_per_second");
      lines.back().erase("seconds");
    }
    return lines;
  }

  /// The run has come to its end like the one that was never killed.
  void expect_end(const std::string& name) const {
    expect_same_tensors(run("whole") / kLast, run(name) / kLast);
    EXPECT_EQ(metrics(name), metrics("whole"));
    EXPECT_EQ(fs::read_symlink(run(name) / "checkpoints/last"), "step-000060");
    for (const auto& entry : fs::recursive_directory_iterator(run(name)))
      EXPECT_EQ(entry.path().string().find("ddpm-tmp"), std::string::npos) << entry.path();
  }

  int killed_ = 0;  // process
  int64_t newest_ = -1;
  int in_a_checkpoint_ = 0;
  int in_a_removal_ = 0;
  int before_the_first_ = 0;
};

TEST_F(KilledRun, EndsWithTheBitsOfOneThatWasNeverKilled) {
  const uint32_t kills = number_from("DDPM_KILLS", 10);
  std::mt19937 random(number_from("DDPM_KILL_SEED", 1));
  ASSERT_EQ(ddpm(words("whole")).exit_code, 0);
  ASSERT_EQ(metrics("whole").size(), static_cast<size_t>(kSteps));
  int runs = 0;
  for (uint32_t left = kills; left > 0 && !HasFailure(); ++runs) {
    const auto name = "killed-" + std::to_string(runs);
    kill_often(name, random, left);
    const auto result = ddpm(words(name));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    expect_end(name);
  }
  EXPECT_GT(in_a_checkpoint_, 0) << "another seed is needed";
  std::cout << kills << " kills, " << runs << " runs: " << in_a_checkpoint_
            << " kills while a checkpoint was written, " << in_a_removal_
            << " while an old one was removed, " << before_the_first_ << " before the first one\n";
}

}  // namespace
}  // namespace ddpm
