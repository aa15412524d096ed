#include <chrono>
#include <csignal>
#include <thread>

#include "ddpm/data/npy.h"
#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/checkpoints.h"
#include "tests/support/held_file.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Signals : public CommandTest {
 protected:
  /// Training that only a signal ends.
  static std::vector<std::string> training(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"train", "--config", "tiny.yaml", "--train.steps", "1000000"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// Steps of so many parts, each of some milliseconds.
  static std::vector<std::string> training_by_long_steps(int64_t parts) {
    return training({"--train.batch_size", std::to_string(parts),
                     "--train.gradient_accumulation_steps", std::to_string(parts),
                     "--train.save_every", "0"});
  }
  /// Drawing that only a signal ends, an image at a time.
  static std::vector<std::string> sampling(const std::string& out) {
    return {"sample", "-n", "100000", "--batch-size", "1", "--steps", "1", "--out", out};
  }

  fs::path checkpoints() const { return dir_.path() / "runs/tiny/checkpoints"; }

  static bool says(const BackgroundCommand& command, const std::string& text) {
    return command.err().find(text) != std::string::npos;
  }
};

TEST_F(Signals, WhileDataAreReadThereIsNothingToKeep) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const HeldFile image(dir_.path() / "images/cat/0.png");
    if (!image.holds()) GTEST_SKIP() << "no leases on this file system";
    BackgroundCommand command(training(), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return image.is_awaited(); }));
    command.send(signal);
    EXPECT_EQ(command.wait().exit_code, 128 + signal);
    EXPECT_FALSE(exists("runs"));
  }
}

TEST_F(Signals, ACheckpointAskedForWhileDataAreReadComesAfterTheFirstStep) {
  HeldFile image(dir_.path() / "images/cat/0.png");
  if (!image.holds()) GTEST_SKIP() << "no leases on this file system";
  BackgroundCommand command({"train", "--config", "tiny.yaml"}, dir_.path());
  ASSERT_TRUE(command.wait_until([&] { return image.is_awaited(); }));
  command.send(SIGUSR1);
  image.release();
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(whole_checkpoints(checkpoints()), (std::set<int64_t>{1, 3, 6}));
}

TEST_F(Signals, TheFirstStepIsFinishedAndKept) {
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR2, SIGXCPU, SIGALRM, SIGPWR}) {
    fs::remove_all(dir_.path() / "runs");
    BackgroundCommand command(training_by_long_steps(50), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/config.yaml"); }));
    command.send(signal);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    EXPECT_NE(result.err.find("stopped at step "), std::string::npos) << result.err;
    EXPECT_EQ(whole_checkpoints(checkpoints()).size(), 1U);
  }
}

TEST_F(Signals, ACheckpointThatIsBeingWrittenIsFinished) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(dir_.path() / "runs");
    BackgroundCommand command(training({"--train.save_every", "1", "--train.keep_last", "2"}),
                              dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return !unfinished_checkpoints(checkpoints()).empty(); }));
    command.send(signal);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    const auto steps = whole_checkpoints(checkpoints());
    ASSERT_FALSE(steps.empty());
    EXPECT_NE(result.err.find("stopped at step " + std::to_string(*steps.rbegin()) + ";"),
              std::string::npos)
        << result.err;
    EXPECT_TRUE(unfinished_checkpoints(checkpoints()).empty());
  }
}

TEST_F(Signals, TheSecondEndsALongStepAtOnce) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(dir_.path() / "runs");
    BackgroundCommand command(training_by_long_steps(5000), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/config.yaml"); }));
    command.send(signal);
    ASSERT_TRUE(command.wait_until([&] { return says(command, "once more to stop at once"); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    command.send(signal);
    EXPECT_EQ(command.wait().exit_code, 128 + signal);
    EXPECT_TRUE(whole_checkpoints(checkpoints()).empty());
  }
}

TEST_F(Signals, OfTerminalsAndBatchSystemsMayComeAgain) {
  for (const int signal : {SIGHUP, SIGUSR2, SIGXCPU}) {
    fs::remove_all(dir_.path() / "runs");
    BackgroundCommand command(training_by_long_steps(200), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/config.yaml"); }));
    for (const int next : {signal, signal, SIGTERM, SIGTERM}) {  // timeout(1) sends two at once
      command.send(next);
      if (next == signal) std::this_thread::sleep_for(std::chrono::milliseconds(110));
    }
    EXPECT_EQ(command.wait().exit_code, 85);
    EXPECT_EQ(whole_checkpoints(checkpoints()).size(), 1U);
  }
}

TEST_F(Signals, ThatWereIgnoredOnEntryStaySo) {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  BackgroundCommand command(training(), dir_.path());
  std::signal(SIGHUP, before);
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  command.send(SIGHUP);
  const auto steps = whole_checkpoints(checkpoints()).size();
  ASSERT_TRUE(
      command.wait_until([&] { return whole_checkpoints(checkpoints()).size() > steps + 3; }));
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().exit_code, 85);
}

TEST_F(Signals, SamplingIntoAFileKeepsTheImagesDoneSoFar) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto name = "signal-" + std::to_string(signal) + ".npz";
    BackgroundCommand command(sampling(name), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return says(command, "/100000 images"); }));
    command.send(signal);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    EXPECT_EQ(result.out, name + "\n");
    const auto arrays = load_npz(dir_.path() / name);
    const auto count = arrays.at("arr_0").shape.at(0);
    EXPECT_GE(count, 1);
    EXPECT_LT(count, 100000);
    EXPECT_EQ(arrays.at("arr_1").shape, (std::vector<int64_t>{count}));
  }
}

TEST_F(Signals, AskedForACheckpointSamplingGoesOn) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  HeldFile weights(checkpoints() / "step-000006/unet/diffusion_pytorch_model.safetensors");
  auto words = sampling("many.npy");
  words[2] = "300";
  BackgroundCommand command(words, dir_.path());
  if (weights.holds()) {
    ASSERT_TRUE(command.wait_until([&] { return weights.is_awaited(); }));
    command.send(SIGUSR1);
  }
  weights.release();
  ASSERT_TRUE(command.wait_until([&] { return says(command, "/300 images"); }));
  command.send(SIGUSR1);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(exists("many.npy"));
}

}  // namespace
}  // namespace ddpm
