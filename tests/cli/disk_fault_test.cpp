#include <csignal>
#include <cstdlib>
#include <fstream>
#include <regex>

#include <sys/resource.h>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/checkpoints.h"
#include "tests/support/mounts.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Steps = std::set<int64_t>;
using Names = std::set<std::string>;

/// No file that programs write is larger, as a quota would have it.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit before_ {};
};

constexpr const char* kRoom = "; a checkpoint needs [0-9.]+ kB, [0-9.]+ [kMGT]?B are free";

/// Training whose disk fails.
class TrainOnBadDisk : public CommandTest {
 protected:
  fs::path checkpoints() const { return dir_.path() / "runs/tiny/checkpoints"; }

  /// Goes on with the run `tiny`, or starts it.
  CommandResult go_on(int steps, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"--resume",  "-q", "--train.steps", std::to_string(steps),
                                   "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return train(words);
  }

  BackgroundCommand go_on_until_stopped() const {
    return {{"train", "--config", "tiny.yaml", "-q", "--train.steps", "1000000",
             "--train.keep_last", "1"},
            dir_.path()};
  }

  /// It went on to its last step, told of both checkpoints that it could not write, and keeps
  /// these.
  void expect_disk_error(const CommandResult& result, const std::string& what, const Steps& kept,
                         const std::string& remark = kRoom) const {
    EXPECT_EQ(result.exit_code, 5) << result.err;
    EXPECT_EQ(result.error_lines(), 2U) << result.err;
    const auto line = [&](const std::string& begin, const std::string& end) {
      const std::regex pattern("(^|\n)" + begin + "[^\n]*" + what + "[^\n]*" + remark + end + "\n");
      EXPECT_TRUE(std::regex_search(result.err, pattern)) << result.err;
    };
    line("warning: ", "; training goes on and tries again");
    line("ddpm: ", "");
    EXPECT_EQ(whole_checkpoints(checkpoints()), kept);
    EXPECT_TRUE(unfinished_checkpoints(checkpoints()).empty());
    const auto last = fs::read_symlink(checkpoints() / "last").string();
    EXPECT_EQ(std::stoll(last.substr(sizeof("step-") - 1)), *kept.rbegin());
  }

  /// The run goes on to the bits of one whose disk never failed.
  void expect_unharmed(int steps) const {
    EXPECT_EQ(go_on(steps, {"--train.keep_last", "1"}).exit_code, 0);
    EXPECT_EQ(go_on(steps, {"--run", "runs/whole"}).exit_code, 0);
    const auto name = "step-0000" + std::to_string(steps);
    expect_same_tensors(dir_.path() / "runs/whole/checkpoints" / name, checkpoints() / name);
  }
};

TEST_F(TrainOnBadDisk, ALimitOnFileSizesLeavesTheOlderCheckpoints) {
  ASSERT_EQ(go_on(6).exit_code, 0);
  {
    const FileSizeLimit limit(20'000);
    expect_disk_error(go_on(12), "File too large", {3, 6});
  }
  expect_unharmed(12);
}

TEST_F(TrainOnBadDisk, AFolderThatIsRenamedIsMadeAnew) {
  auto command = go_on_until_stopped();
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  fs::rename(dir_.path() / "runs/tiny", dir_.path() / "moved");
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().exit_code, 85);
  EXPECT_EQ(whole_checkpoints(checkpoints()).size(), 1U);
  EXPECT_FALSE(whole_checkpoints(dir_.path() / "moved/checkpoints").empty());
  EXPECT_EQ(ddpm({"train", "--run", "moved", "--resume", "--train.steps", "6", "-q"}).exit_code, 0);
  EXPECT_TRUE(unfinished_checkpoints(dir_.path() / "moved/checkpoints").empty());
}

TEST_F(TrainOnBadDisk, AFolderThatIsRemovedIsMadeAnew) {
  auto command = go_on_until_stopped();
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  fs::rename(dir_.path() / "runs/tiny", dir_.path() / "moved");  // at once, unlike a removal
  std::error_code ignored;
  fs::remove_all(dir_.path() / "moved", ignored);
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  expect_error(train({"--resume", "-q"}), 2,
               "process " + std::to_string(command.pid()) + ") is training in this folder");
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().exit_code, 85);
  EXPECT_EQ(ddpm({"sample", "-n", "1", "-q", "--out", "a.png"}).exit_code, 0);
}

TEST_F(TrainOnBadDisk, AFolderWhosePlaceAnotherRunHasTakenIsLeftToIt) {
  auto first = go_on_until_stopped();
  ASSERT_TRUE(first.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  first.send(SIGSTOP);
  fs::rename(dir_.path() / "runs/tiny", dir_.path() / "moved");
  auto second = go_on_until_stopped();
  ASSERT_TRUE(second.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  first.send(SIGCONT);
  const auto warned = [&] { return first.err().find("training goes on") != std::string::npos; };
  ASSERT_TRUE(first.wait_until(warned));
  first.send(SIGTERM);
  const auto result = first.wait();
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_NE(result.err.find("runs/tiny: holds the checkpoints of another run now"),
            std::string::npos)
      << result.err;
  second.send(SIGTERM);
  EXPECT_EQ(second.wait().exit_code, 85);
  std::ifstream metrics(dir_.path() / "runs/tiny/metrics.jsonl");
  int64_t step = 0;
  for (std::string line; std::getline(metrics, line);)
    EXPECT_EQ(nlohmann::json::parse(line).at("step"), step += 2) << line;
}

/// On disks that are mounted for the test.
class TrainOnSmallDisk : public TrainOnBadDisk {
 protected:
  void SetUp() override {
    if (const auto failure = allow_private_mounts(); !failure.empty()) GTEST_SKIP() << failure;
    const SmallDisk disk(dir_.path() / "runs/measured/checkpoints", {});
    const auto before = disk.free();
    ASSERT_EQ(go_on(3, {"--run", "runs/measured"}).exit_code, 0);
    used_ = {.pages = before.pages - disk.free().pages, .files = before.files - disk.free().files};
  }

  DiskRoom used_;  // by one checkpoint
};

TEST_F(TrainOnSmallDisk, AFullDiskLeavesTheOlderCheckpoints) {
  const SmallDisk disk(checkpoints(), {.pages = 2 * used_.pages + used_.pages / 2});
  expect_disk_error(go_on(12), "no space left", {3, 6});
  fs::remove_all(checkpoints() / "step-000003");
  expect_unharmed(12);
}

TEST_F(TrainOnSmallDisk, AFullDiskInTheMidstOfACheckpointLeavesNoPartOfIt) {
  const SmallDisk disk(checkpoints(), {.files = used_.files + used_.files / 2});
  expect_disk_error(go_on(9), "No space left on device", {3});
}

TEST_F(TrainOnSmallDisk, OnceThereIsRoomAgainCheckpointsAreWritten) {
  const SmallDisk disk(checkpoints(), {.pages = 4 * used_.pages});
  disk.fill(used_.pages / 2);
  auto command = go_on_until_stopped();
  const auto warned = [&] { return command.err().find("tries again") != std::string::npos; };
  ASSERT_TRUE(command.wait_until(warned));
  EXPECT_FALSE(exists("runs/tiny/checkpoints/last"));
  disk.clear();
  EXPECT_TRUE(command.wait_until([&] { return exists("runs/tiny/checkpoints/last"); }));
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().exit_code, 85);
  EXPECT_EQ(whole_checkpoints(checkpoints()).size(), 1U);
}

TEST_F(TrainOnSmallDisk, AReadOnlyDiskLeavesTheOlderCheckpoints) {
  const SmallDisk disk(checkpoints(), {});
  ASSERT_EQ(go_on(6).exit_code, 0);
  disk.make_read_only();
  expect_disk_error(go_on(12), "Read-only file system", {3, 6}, "");
  EXPECT_EQ(ddpm({"sample", "-n", "1", "-q", "--out", "a.png"}).exit_code, 0);
}

TEST_F(TrainOnSmallDisk, ARunOnAReadOnlyDiskIsRefused) {
  const SmallDisk disk(dir_.path() / "disk", {});
  ASSERT_EQ(go_on(3, {"--run", "disk/run"}).exit_code, 0);
  disk.make_read_only();
  expect_error(go_on(6, {"--run", "disk/run"}), 5, "Read-only file system");
  expect_error(go_on(6, {"--run", "disk/other"}), 5, "disk/other");
  EXPECT_EQ(ddpm({"sample", "--checkpoint", "disk/run", "-q", "--out", "a.png"}).exit_code, 0);
}

/// `sample` and `eval`, with a disk at the folder `disk`.
class WriteToBadDisk : public TrainedCommandTest {
 protected:
  WriteToBadDisk() { ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1); }
  ~WriteToBadDisk() override { ::unsetenv("XDG_CACHE_HOME"); }

  void SetUp() override {
    if (const auto failure = allow_private_mounts(); !failure.empty()) GTEST_SKIP() << failure;
  }

  CommandResult sample(const std::string& out) const {
    return ddpm({"sample", "-q", "-n", "4", "--out", out});
  }

  /// The distance of images to themselves, in the features of a small classifier.
  CommandResult eval(const std::vector<std::string>& more) {
    if (!exists("runs/judge")) {
      EXPECT_EQ(train({"--train.task", "classifier", "--classifier.feature_dim", "3", "--run",
                       "runs/judge", "-q"})
                    .exit_code,
                0);
    }
    std::vector<std::string> words{
        "eval", "-q", "--checkpoint", "runs/tiny",  "--fid",
        "-n",   "8",  "--no-bounds",  "--features", "classifier:runs/judge"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// Names of what lies on the disk, but for the ballast.
  Names names() const {
    Names names;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path() / "disk"))
      if (entry.path().filename() != "ballast") names.insert(entry.path().filename().string());
    return names;
  }
};

TEST_F(WriteToBadDisk, ImagesThatDoNotFitLeaveNoFile) {
  const SmallDisk disk(dir_.path() / "disk", {.pages = 16});
  disk.fill(0);
  for (const char* name : {"disk/a.png", "disk/a.npz", "disk/a.npy"})
    expect_error(sample(name), 5, std::string(name) + ": cannot write: No space left on device");
  EXPECT_EQ(names(), Names());
}

TEST_F(WriteToBadDisk, ImagesOfAFolderThatFitAreWhole) {
  const SmallDisk disk(dir_.path() / "disk", {.pages = 16});
  disk.fill(2);
  expect_error(sample("disk/many"), 5, "000002.png");
  EXPECT_EQ(names(), (Names{"many", "000000.png", "000001.png"}));
  EXPECT_EQ(load_image(dir_.path() / "disk/many/000001.png").width, 8);
}

TEST_F(WriteToBadDisk, AReadOnlyDiskIsNamed) {
  const SmallDisk disk(dir_.path() / "disk", {});
  disk.make_read_only();
  for (const char* name : {"disk/a.png", "disk/a.npz", "disk/many"})
    expect_error(sample(name), 5, name);
  ::setenv("XDG_CACHE_HOME", (dir_.path() / "disk/cache").c_str(), 1);
  const auto result = eval({});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.error_lines(), 1U) << result.err;
  EXPECT_NE(result.err.find("disk/cache"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("going on without"), std::string::npos) << result.err;
}

TEST_F(WriteToBadDisk, AScoreIsShownEvenIfItsFileCannotBeWritten) {
  const SmallDisk disk(dir_.path() / "disk", {.pages = 16});
  disk.fill(0);
  const auto result = eval({"--out", "disk/a.json", "--json"});
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_EQ(result.error_lines(), 1U) << result.err;
  EXPECT_NE(result.err.find("disk/a.json: cannot write"), std::string::npos) << result.err;
  EXPECT_TRUE(nlohmann::json::parse(result.out).contains("fd")) << result.out;
  for (const char* flag : {"--save-stats", "--save-images"}) {
    const auto scored = eval({flag, "disk/a.npz"});
    EXPECT_EQ(scored.exit_code, 5) << scored.err;
    EXPECT_EQ(scored.error_lines(), 1U) << scored.err;
    EXPECT_NE(scored.err.find("disk/a.npz: cannot write"), std::string::npos) << scored.err;
    EXPECT_TRUE(scored.out.starts_with("FD ")) << scored.out;
  }
  EXPECT_EQ(names(), Names());
}

TEST_F(WriteToBadDisk, ACacheWithoutRoomIsLeftAlone) {
  const SmallDisk disk(dir_.path() / "disk", {.pages = 16});
  disk.fill(0);
  ::setenv("XDG_CACHE_HOME", (dir_.path() / "disk/cache").c_str(), 1);
  const auto result = eval({});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("the cache is left as it is"), std::string::npos) << result.err;
  EXPECT_EQ(names(), (Names{"cache", "ddpm", "partial", "statistics"}));
}

TEST_F(WriteToBadDisk, AnOutputThatIsFullIsADiskError) {
  for (const char* words :
       {"sample -q -n 1 --json --out a.png", "eval -q --bpd --bpd-images 2",
        "train --config tiny --print-config", "train --config tiny --dry-run", "--help"}) {
    const auto command =
        "cd '" + dir_.path().string() + "' && '" DDPM_BINARY "' " + words + " >/dev/full 2>errors";
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 5) << words;
    const auto errors = read_file(dir_.path() / "errors");
    const bool warns = std::string_view(words).starts_with("eval");  // of the data
    EXPECT_EQ(errors.substr(warns ? errors.find('\n') + 1 : 0), "ddpm: stdout: cannot write\n")
        << words;
  }
}

}  // namespace
}  // namespace ddpm
