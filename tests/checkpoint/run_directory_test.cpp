#include "ddpm/checkpoint/run_directory.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
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

}  // namespace
}  // namespace ddpm
