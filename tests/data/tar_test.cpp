#include "ddpm/data/tar.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

std::string entry_text(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(Tar, FilesComeInOrderAndMayBePassedOver) {
  const TempDir folder;
  const std::string archive = tar_file("d/", "", '5') + tar_file("d/a", std::string(700, 'a')) +
                              tar_file("d/link", "", '2') + tar_file("d/b", "bb") + tar_end();
  for (const std::string& bytes : {archive, gzip_bytes(archive)}) {
    TarReader tar(folder.write("x.tar", bytes));
    const auto first = tar.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->name, "d/a");
    EXPECT_EQ(first->size, 700U);
    ASSERT_EQ(tar.next()->name, "d/b");
    EXPECT_EQ(entry_text(tar.read()), "bb");
    EXPECT_FALSE(tar.next());
  }
}

TEST(Tar, ContentOfWholeBlocksIsRead) {
  const TempDir folder;
  TarReader tar(folder.write("x.tar", tar_file("a", std::string(1024, 'a')) + tar_file("b", "b")));
  tar.next();
  EXPECT_EQ(tar.read().size(), 1024U);
  EXPECT_EQ(tar.next()->name, "b");
  EXPECT_FALSE(tar.next());
}

TEST(Tar, OtherFilesAreRefused) {
  const TempDir folder;
  for (const std::string& bytes : {std::string(600, 'x'), std::string("short")}) {
    TarReader tar(folder.write("x.tar", bytes));
    EXPECT_THROW(tar.next(), DataError);
  }
}

TEST(Tar, DamagedHeadersAreRefused) {
  const TempDir folder;
  const std::string whole = tar_file("a", "content") + tar_end();
  for (const size_t at : {0, 124, 130, 148, 156, 300}) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x55);
    TarReader tar(folder.write("x.tar", broken));
    EXPECT_TRUE(contains(error_of<DataError>([&] { tar.next(); }), "x.tar: not a tar archive"))
        << at;
  }
}

TEST(Tar, FilesThatEndEarlyAreRefused) {
  const TempDir folder;
  TarReader tar(folder.write("x.tar", tar_file("a", std::string(2000, 'a')).substr(0, 1500)));
  ASSERT_TRUE(tar.next());
  EXPECT_THROW(tar.read(), DataError);
}

}  // namespace
}  // namespace ddpm
