#include "ddpm/checkpoint/run_folder.h"

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// A locked run that is moved away.
class RunFolderThatVanishes : public testing::Test {
 protected:
  RunFolderThatVanishes() {
    RunDirectory(path_).create();
    lock_.emplace(RunDirectory(path_));
    folder_.emplace(RunDirectory(path_), *lock_, "seed: 1\n");
    folder_->ensure();
    fs::rename(path_, dir_.path() / "moved");
  }

  TempDir dir_;
  fs::path path_ = dir_.path() / "run";
  std::optional<RunLock> lock_;
  std::optional<RunFolder> folder_;
};

TEST_F(RunFolderThatVanishes, IsMadeAnewWithItsSettings) {
  folder_->ensure();
  EXPECT_EQ(read_file(folder_->directory().config_file()), "seed: 1\n");
  EXPECT_TRUE(fs::is_directory(folder_->directory().checkpoints()));
  EXPECT_TRUE(lock_->is_there());
}

TEST_F(RunFolderThatVanishes, LeavesAnotherRunInItsPlaceAlone) {
  fs::create_directories(path_ / "checkpoints/step-000001");
  expect_error<DiskError>([&] { folder_->ensure(); }, "of another run now");
  EXPECT_FALSE(fs::exists(folder_->directory().config_file()));
}

TEST(RunFolder, WithoutALockIsNotLookedAfter) {
  const TempDir dir;
  RunFolder folder{RunDirectory(dir.path() / "nowhere")};
  folder.ensure();
  EXPECT_FALSE(fs::exists(folder.directory().path()));
}

}  // namespace
}  // namespace ddpm
