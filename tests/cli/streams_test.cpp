#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/eval_fixture.h"
#include "tests/support/checkpoints.h"

namespace ddpm {
namespace {

/// The end of a pipe that nobody reads.
class DeadPipe {
 public:
  DeadPipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) == 0) ::close(ends[0]);
    end_ = ends[1];
  }
  ~DeadPipe() { ::close(end_); }
  DeadPipe(const DeadPipe&) = delete;
  DeadPipe& operator=(const DeadPipe&) = delete;

  int end() const { return end_; }

 private:
  int end_;
};

/// Commands whose standard streams have gone. What ends output does not end work.
class Streams : public EvalCommand {
 protected:
  using Words = std::vector<std::string>;

  int exit_code(const Words& words, const StandardStreams& streams) const {
    return BackgroundCommand(words, dir_.path(), streams).wait().exit_code;
  }

  static Words training(const std::string& run, const Words& more = {}) {
    Words words{"train", "--config", "tiny.yaml", "--run", run, "--train.save_every", "0"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::set<int64_t> kept(const std::string& run) const {
    return whole_checkpoints(dir_.path() / run / "checkpoints");
  }

  const Words sample_{"sample", "-n", "2", "--out", "a.npz"};
  const Words eval_{"eval", "--fid", "-n", "8", "--no-bounds"};
  const Words schedule_{"schedule", "linear", "--out", "a.svg"};
};

TEST_F(Streams, WithoutAReaderOfMessagesWorkComesToItsEnd) {
  const DeadPipe pipe;
  EXPECT_EQ(exit_code(training("runs/b"), {.err = pipe.end()}), 0);
  EXPECT_EQ(kept("runs/b"), (std::set<int64_t>{6}));
  for (const auto& words : {sample_, eval_, schedule_})
    EXPECT_EQ(exit_code(words, {.err = pipe.end()}), 0) << words.front();
  EXPECT_TRUE(exists("a.npz"));
  EXPECT_TRUE(exists("a.svg"));
}

TEST_F(Streams, WithoutAReaderOfResultsWorkIsKeptAndTheExitCodeTells) {
  const DeadPipe pipe;
  EXPECT_EQ(exit_code(training("runs/b"), {.out = pipe.end()}), 5);
  EXPECT_EQ(kept("runs/b"), (std::set<int64_t>{6}));
  for (const auto& words : {sample_, eval_, schedule_})
    EXPECT_EQ(exit_code(words, {.out = pipe.end()}), 5) << words.front();
  EXPECT_TRUE(exists("a.npz"));
  EXPECT_TRUE(exists("runs/b/eval") || exists("runs/tiny/eval"));
}

TEST_F(Streams, ASignalWithTheReaderGoneStillKeepsTheRun) {
  const DeadPipe pipe;
  for (const int signal : {SIGINT, SIGHUP}) {
    const auto run = "runs/after-" + std::to_string(signal);
    BackgroundCommand command(training(run, {"--train.steps", "1000000"}), dir_.path(),
                              {.err = pipe.end()});
    ASSERT_TRUE(command.wait_until([&] { return exists(run + "/metrics.jsonl"); }));
    command.send(signal);
    EXPECT_EQ(command.wait().exit_code, 85);
    EXPECT_EQ(kept(run).size(), 1U);
  }
}

TEST_F(Streams, AFullDiskBehindTheMessagesEndsNothing) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full";
  EXPECT_EQ(exit_code(training("runs/b"), {.err = full}), 0);
  EXPECT_EQ(exit_code(sample_, {.err = full}), 0);
  ::close(full);
}

TEST_F(Streams, ClosedOnesAreNotTakenForFiles) {
  constexpr int kClosed = StandardStreams::kClosed;
  EXPECT_EQ(exit_code(training("runs/b"), {.in = kClosed, .err = kClosed}), 0);
  EXPECT_EQ(exit_code(training("runs/c"), {.in = kClosed, .out = kClosed, .err = kClosed}), 5);
  EXPECT_EQ(kept("runs/c"), (std::set<int64_t>{6}));
  EXPECT_EQ(exit_code(sample_, {.in = kClosed, .err = kClosed}), 0);
  EXPECT_EQ(exit_code({"sample", "--checkpoint", "runs/c", "-n", "1", "--out", "b.npy"}, {}), 0);
}

}  // namespace
}  // namespace ddpm
