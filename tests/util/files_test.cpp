#include "ddpm/util/files.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
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
  dir.write(".step-1.123.ddpm-tmp/unet/a", "x");
  dir.write(".hidden", "x");
  dir.write("step-2/a", "x");
  remove_leftovers(dir.path());
  EXPECT_FALSE(fs::exists(dir.path() / ".step-1.123.ddpm-tmp"));
  EXPECT_EQ(entries(dir.path()), 2U);
}

TEST(ReplaceLink, MovesALinkButNeverARealFile) {
  const TempDir dir;
  const auto link = dir.path() / "last";
  replace_link("a", link);
  replace_link("b", link);
  EXPECT_EQ(fs::read_symlink(link), "b");
  const auto file = dir.write("real", "x");
  EXPECT_THROW(replace_link("a", file), DiskError);
  EXPECT_EQ(read_file(file), "x");
}

}  // namespace
}  // namespace ddpm
