#include "ddpm/util/files.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

size_t entries(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(WriteFileAtomic, ReplacesTheFileAndLeavesNothingElse) {
  const TempDir dir;
  const auto file = dir.write("a.txt", "old");
  write_file_atomic(file, "new");
  EXPECT_EQ(read_file(file), "new");
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(WriteFileAtomic, FailureKeepsTheOldFile) {
  const TempDir dir;
  EXPECT_THROW(write_file_atomic(dir.path() / "missing" / "a.txt", "new"), DiskError);
  fs::create_directory(dir.path() / "folder");
  EXPECT_THROW(write_file_atomic(dir.path() / "folder", "new"), DiskError);
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(WriteFileAtomic, FullDiskIsADiskError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  FileWriter file("/dev/full");
  EXPECT_THROW(file.write("x"), DiskError);
}

TEST(ReadFile, MissingAndTooLargeFilesAreDataErrors) {
  const TempDir dir;
  EXPECT_THROW(read_file(dir.path() / "none"), DataError);
  EXPECT_THROW(read_file(dir.write("big", "12345"), 4), DataError);
}

TEST(AtomicDirectory, AppearsOnlyWhenCommitted) {
  const TempDir dir;
  const auto target = dir.path() / "step-1";
  {
    const AtomicDirectory folder(target);
    write_file_atomic(folder.path() / "a", "x");
    EXPECT_FALSE(fs::exists(target));
  }
  EXPECT_EQ(entries(dir.path()), 0U);
  AtomicDirectory folder(target);
  write_file_atomic(folder.path() / "a", "x");
  folder.commit();
  EXPECT_EQ(read_file(target / "a"), "x");
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(AtomicDirectory, NeverReplacesAFolder) {
  const TempDir dir;
  EXPECT_THROW(AtomicDirectory{dir.path()}, DiskError);
}

TEST(RemoveLeftovers, TakesWhatACrashLeftAndNothingElse) {
  const TempDir dir;
  dir.write(".step-1.99999999.ddpm-tmp/unet/a", "x");
  dir.write(".hidden", "x");
  dir.write("step-2/a", "x");
  remove_leftovers(dir.path());
  EXPECT_FALSE(fs::exists(dir.path() / ".step-1.99999999.ddpm-tmp"));
  EXPECT_EQ(entries(dir.path()), 2U);
}

TEST(RemoveLeftovers, SparesThoseOfAProcessThatLives) {
  const TempDir dir;
  const AtomicDirectory folder(dir.path() / "step-1");
  remove_leftovers(dir.path());
  EXPECT_TRUE(fs::exists(folder.path()));
}

TEST(RemoveLeftovers, TakesThoseOfAllWhereAskedTo) {
  const TempDir dir;
  const AtomicDirectory folder(dir.path() / "step-1");
  remove_leftovers(dir.path(), Leftovers::kAll);
  EXPECT_FALSE(fs::exists(folder.path()));
}

TEST(RemoveLeftovers, TakesOldOnesWhereOthersWriteToo) {
  const TempDir dir;
  const auto old = dir.write(".a.99999998.ddpm-tmp", "x");
  const auto fresh = dir.write(".b.99999999.ddpm-tmp", "x");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(25));
  remove_leftovers(dir.path(), Leftovers::kOld);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST(FileWriter, FollowsNoLink) {
  const TempDir dir;
  const auto other = dir.write("other", "theirs");
  fs::create_symlink(other, temporary_beside(dir.path() / "file"));
  write_file_atomic(dir.path() / "file", "ours");
  EXPECT_EQ(read_file(other), "theirs");
  EXPECT_EQ(read_file(dir.path() / "file"), "ours");
  EXPECT_FALSE(fs::is_symlink(dir.path() / "file"));
}

TEST(AppendToFile, AddsToTheEndOrChangesNothing) {
  const TempDir dir;
  const auto file = dir.path() / "lines";
  append_to_file(file, "a\n");
  append_to_file(file, "b\n");
  EXPECT_EQ(read_file(file), "a\nb\n");
  EXPECT_THROW(append_to_file("/dev/full", "x"), DiskError);
  fs::create_symlink(file, dir.path() / "link");
  EXPECT_THROW(append_to_file(dir.path() / "link", "c\n"), DiskError);
  EXPECT_EQ(read_file(file), "a\nb\n");
}

TEST(AppendToFile, TakesBackWhatALimitCutsOff) {
  const TempDir dir;
  const auto file = dir.write("lines", "first\n");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low{.rlim_cur = 10, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &low);
  EXPECT_THROW(append_to_file(file, "a longer line\n"), DiskError);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(read_file(file), "first\n");
}

TEST(RemoveFolder, LeavesNothing) {
  const TempDir dir;
  dir.write("step-2/unet/a", "x");
  remove_folder(dir.path() / "step-2");
  EXPECT_EQ(entries(dir.path()), 0U);
  EXPECT_THROW(remove_folder(dir.path() / "step-2"), DiskError);
}

TEST(FreeBytes, AreKnownForFoldersThatAreStillToBeMade) {
  const TempDir dir;
  EXPECT_GT(free_bytes(dir.path() / "a/b/c").value_or(0), 0U);
}

TEST(NoRoomError, IsOfDisksThatAreFullAndNotOfOthers) {
  const TempDir dir;
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  FileWriter file("/dev/full");
  expect_error<NoRoomError>([&] { file.write("x"); }, "/dev/full: cannot write");
  expect_error<DiskError>([&] { append_to_file(dir.path(), "x"); }, "cannot write");
}

TEST(ScratchFolder, GoesWithWhatIsInIt) {
  fs::path path;
  {
    const ScratchFolder folder;
    path = folder.path();
    write_file_atomic(path / "a", "x");
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ExpandHome, IsForThePersonsOwnAlone) {
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(expand_home("~/a"), "/somewhere/a");
  EXPECT_EQ(expand_home("~"), "/somewhere");
  for (const char* path : {"~other/a", "a/~/b", "", "~a"})
    EXPECT_EQ(expand_home(path), path);
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace ddpm
