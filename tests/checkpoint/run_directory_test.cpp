#include "ddpm/checkpoint/run_directory.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

TEST(RunDirectory, FindsTheNewestCheckpointByItsStep) {
  const TempDir dir;
  dir.write("runs/a/checkpoints/step-000009/x", "");
  dir.write("runs/a/checkpoints/step-1000000/x", "");
  dir.write("runs/a/checkpoints/.step-2000000.1.ddpm-tmp/x", "");
  dir.write("runs/a/checkpoints/step-3000000.txt", "");
  const RunDirectory run(dir.path() / "runs/a");
  EXPECT_EQ(run.checkpoint_steps(), (std::vector<int64_t>{9, 1000000}));
  EXPECT_EQ(run.newest_checkpoint().filename(), "step-1000000");
  EXPECT_EQ(resolve_checkpoint(dir.path() / "runs/a").filename(), "step-1000000");
}

TEST(RunDirectory, PruneKeepsTheNewest) {
  const TempDir dir;
  for (const char* step : {"000010", "000020", "000030"})
    dir.write(std::string("checkpoints/step-") + step + "/x", "");
  const RunDirectory run(dir.path());
  run.prune(0);
  EXPECT_EQ(run.checkpoint_steps().size(), 3U);
  run.prune(2);
  EXPECT_EQ(run.checkpoint_steps(), (std::vector<int64_t>{20, 30}));
}

TEST(RunDirectory, PruneSparesWhatIsBeingRead) {
  const TempDir dir;
  dir.write("checkpoints/step-000010/x", "");
  dir.write("checkpoints/step-000020/x", "");
  const RunDirectory run(dir.path());
  resolve_checkpoint(run.checkpoint(10));  // held until the process ends
  dir.write("checkpoints/step-000030/x", "");
  run.prune(1);
  EXPECT_EQ(run.checkpoint_steps(), (std::vector<int64_t>{10, 30}));
}

TEST(RunDirectory, SetsADamagedCheckpointAsideUnderAFreeName) {
  const TempDir dir;
  const RunDirectory run(dir.path());
  for (const char* name : {"step-000010.damaged", "step-000010-2.damaged"}) {
    dir.write("checkpoints/step-000010/x", "a person's own");
    EXPECT_EQ(run.set_aside(run.checkpoint(10)), run.checkpoints() / name);
    EXPECT_TRUE(fs::exists(run.checkpoints() / name / "x"));
  }
  EXPECT_FALSE(run.has_checkpoints());
}

TEST(RunDirectory, KnowsAModelThatIsNoRun) {
  for (const char* file :
       {"unet/config.json", "config.json", "model_index.json", "unet_ema/config.json",
        "classifier/model.safetensors", "scheduler/scheduler_config.json"}) {
    const TempDir dir;
    const RunDirectory run(dir.path());
    EXPECT_FALSE(run.holds_foreign_model()) << file;
    dir.write(file, "");
    EXPECT_TRUE(run.holds_foreign_model()) << file;
    dir.write("checkpoints/step-000001/x", "");
    EXPECT_FALSE(run.holds_foreign_model()) << file;
  }
}

TEST(RunDirectory, IsNotWrittenThroughLinks) {
  for (const char* part : {"checkpoints", "samples", "metrics.jsonl", "log.txt", "config.yaml"}) {
    const TempDir dir;
    fs::create_directories(dir.path() / "run");
    fs::create_directories(dir.path() / "elsewhere");
    fs::create_symlink(dir.path() / "elsewhere", dir.path() / "run" / part);
    expect_error<DiskError>([&] { RunDirectory(dir.path() / "run").create(); }, part);
    EXPECT_TRUE(fs::is_empty(dir.path() / "elsewhere"));
  }
}

TEST(RunLock, KnowsItsFolderThoughItIsMovedAndMadeAnew) {
  const TempDir dir;
  const RunDirectory run(dir.path() / "run");
  run.create();
  RunLock lock(run);
  EXPECT_TRUE(lock.is_there());
  fs::rename(run.path(), dir.path() / "moved");
  EXPECT_FALSE(lock.is_there());
  run.create();
  EXPECT_FALSE(lock.is_there());
  lock.take();
  EXPECT_TRUE(lock.is_there());
  EXPECT_THROW(RunLock second(run), UserError);
}

TEST(ResolveCheckpoint, GivesTheFolderBehindTheLinkThatATrainerMoves) {
  const TempDir dir;
  dir.write("checkpoints/step-000010/x", "");
  fs::create_symlink("step-000010", dir.path() / "checkpoints/last");
  EXPECT_EQ(resolve_checkpoint(dir.path() / "checkpoints/last").filename(), "step-000010");
}

TEST(RunDirectory, LinksTheNewestRunOnlyAmongRuns) {
  const TempDir dir;
  RunDirectory(dir.path() / "runs/b").create();
  EXPECT_EQ(fs::read_symlink(dir.path() / "runs/last"), "b");
  RunDirectory(dir.path() / "elsewhere/c").create();
  EXPECT_FALSE(fs::exists(fs::symlink_status(dir.path() / "elsewhere/last")));
}

TEST(FindNewestRun, FollowsTheLinkElseTheNewestCheckpoint) {
  const TempDir dir;
  const auto runs = dir.path() / "runs";
  EXPECT_THROW(find_newest_run(runs), CheckpointError);
  dir.write("runs/a/checkpoints/step-000001/x", "");
  dir.write("runs/empty/log.txt", "");
  EXPECT_EQ(find_newest_run(runs).filename(), "a");
  dir.write("runs/b/checkpoints/step-000001/x", "");
  fs::create_symlink("a", runs / "last");
  EXPECT_EQ(find_newest_run(runs).filename(), "a");
}

TEST(RunDirectory, PruneSparesTheBestWithoutItsLink) {
  const TempDir dir;
  for (const char* step : {"000010", "000020", "000030"})
    dir.write(std::string("checkpoints/step-") + step + "/x", "");
  const RunDirectory run(dir.path());
  run.prune(1, 10);
  EXPECT_EQ(run.checkpoint_steps(), (std::vector<int64_t>{10, 30}));
}

TEST(FindNewestRun, AFolderInPlaceOfTheLinkIsTheLastChoice) {
  const TempDir dir;
  const auto runs = dir.path() / "runs";
  dir.write("runs/last/checkpoints/step-000002/x", "");
  RunDirectory(runs / "a").create();
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(runs / "last")));
  EXPECT_EQ(find_newest_run(runs).filename(), "last");
  dir.write("runs/a/checkpoints/step-000001/x", "");
  EXPECT_EQ(find_newest_run(runs).filename(), "a");
}

TEST(FindNewestRun, ReadsTheNameInAFileThatStandsForTheLink) {
  const TempDir dir;
  const auto runs = dir.path() / "runs";
  for (const char* run : {"a", "b"})
    dir.write(std::string("runs/") + run + "/checkpoints/step-000001/x", "");
  for (const char* run : {"a", "b"}) {
    dir.write("runs/last", std::string(run) + "\n");
    EXPECT_EQ(find_newest_run(runs).filename(), run);
    EXPECT_EQ(resolve_checkpoint(runs / "last"), runs / run / "checkpoints/step-000001");
  }
}

TEST(ResolveCheckpoint, NamesThatOnlyResembleACheckpointsAreNone) {
  const TempDir dir;
  for (const char* name : {"step-5", "step--00005", "step-0000000005", "step-", "step-000005x"})
    dir.write(std::string("checkpoints/") + name + "/x", "");
  EXPECT_TRUE(RunDirectory(dir.path()).checkpoint_steps().empty());
  expect_error<CheckpointError>([&] { resolve_checkpoint(dir.path()); }, "no checkpoint yet");
}

}  // namespace
}  // namespace ddpm
