#include "ddpm/data/gzip.h"

#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

std::string text(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(Gzip, PlainAndPackedFilesReadTheSame) {
  const TempDir folder;
  for (const std::string& bytes : {std::string("hello, world"), gzip_bytes("hello, world")}) {
    GzipReader file(folder.write("a", bytes));
    EXPECT_EQ(text(file.read(5)), "hello");
    file.skip(2);
    EXPECT_FALSE(file.at_end());
    EXPECT_EQ(text(file.read(5)), "world");
    EXPECT_TRUE(file.at_end());
  }
}

TEST(Gzip, LargeFilesComeBack) {
  const TempDir folder;
  const std::string bytes(5'000'000, 'x');
  GzipReader file(folder.write("a.gz", gzip_bytes(bytes)));
  EXPECT_TRUE(text(file.read(bytes.size())) == bytes);
  EXPECT_TRUE(file.at_end());
}

TEST(Gzip, MoreThanTheFileHoldsIsRefused) {
  const TempDir folder;
  const auto path = folder.write("a", "hello");
  EXPECT_TRUE(contains(error_of<DataError>([&] { GzipReader(path).read(6); }),
                       "expected 6 more bytes, got at most 5"));
  GzipReader packed(folder.write("b.gz", gzip_bytes("hello")));
  EXPECT_THROW(packed.read(uint64_t{1} << 60), DataError);
  EXPECT_TRUE(contains(error_of<DataError>([&] { packed.read(6); }), "ends early"));
}

TEST(Gzip, EveryCutIsRefused) {
  const TempDir folder;
  const std::string packed = gzip_bytes("hello, hello, hello, world");
  for (size_t size = 3; size < packed.size(); ++size) {
    const auto path = folder.write("a.gz", packed.substr(0, size));
    EXPECT_NE(error_of<DataError>([&] {
                GzipReader file(path);
                file.read(26);
                if (!file.at_end()) throw DataError("more");
              }),
              "")
        << size;
  }
}

TEST(Gzip, DamageIsFound) {
  const TempDir folder;
  std::string packed = gzip_bytes("hello, hello, hello, world");
  packed[packed.size() - 6] ^= 1;  // in the checksum
  GzipReader file(folder.write("a.gz", packed));
  EXPECT_TRUE(contains(error_of<DataError>([&] {
                         file.read(26);
                         file.at_end();
                       }),
                       "broken gzip file"));
}

TEST(Gzip, MissingFilesAndFoldersAreNamed) {
  EXPECT_TRUE(contains(error_of<DataError>([] { GzipReader("/no/such"); }), "/no/such: cannot"));
  EXPECT_THROW(GzipReader("/tmp"), DataError);
}

TEST(Gzip, PassingOverMoreThanTheFileHoldsIsRefusedAtOnce) {
  const TempDir folder;
  GzipReader packed(folder.write("a.gz", gzip_bytes("hello")));
  EXPECT_TRUE(
      contains(error_of<DataError>([&] { packed.skip(uint64_t{1} << 40); }), "got at most"));
}

TEST(Gzip, PipesAreRefusedAtOnce) {
  const TempDir folder;
  const auto pipe = folder.path() / "a.gz";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(GzipReader reader(pipe), DataError);
}

}  // namespace
}  // namespace ddpm
