#include "ddpm/data/zip.h"

#include <gtest/gtest.h>

#include "ddpm/data/bytes.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

constexpr uint64_t kPlenty = 1 << 20;

std::string two_files(uint64_t zip64_from = UINT32_MAX) {
  ZipWriter zip(zip64_from);
  zip.add("a.npy", "stored content", false);
  zip.add("b.npy", std::string(1000, 'b'), true);
  return zip.finish();
}

std::string zip_error(const std::string& bytes, uint64_t max_bytes = kPlenty) {
  return error_of<DataError>([&] {
    const ZipReader zip(bytes, "x.npz", max_bytes);
    for (const ZipEntry& entry : zip.entries()) {
      zip.read(entry);
    }
  });
}

// Overwrites a number of two bytes.
std::string with_u16(std::string bytes, size_t offset, uint16_t value) {
  std::string text;
  append_le(text, value);
  return bytes.replace(offset, 2, text);
}

TEST(Zip, FilesComeBackStoredAndDeflatedNarrowAndWide) {
  for (const uint64_t zip64_from : {uint64_t{UINT32_MAX}, uint64_t{0}, uint64_t{100}}) {
    const ZipReader zip(two_files(zip64_from), "x", kPlenty);
    ASSERT_EQ(zip.entries().size(), 2U);
    EXPECT_EQ(zip.entries()[1].name, "b.npy");
    EXPECT_EQ(zip.read(zip.entries()[0]), "stored content");
    EXPECT_EQ(zip.read(zip.entries()[1]), std::string(1000, 'b'));
  }
}

TEST(Zip, EmptyArchivesWork) {
  EXPECT_TRUE(ZipReader(ZipWriter().finish(), "x", kPlenty).entries().empty());
}

TEST(Zip, TheSameFilesGiveTheSameBytes) {
  EXPECT_EQ(two_files(), two_files());
}

TEST(Zip, ACommentAtTheEndIsFine) {
  std::string zip = two_files();
  zip = with_u16(zip, zip.size() - 2, 5) + "hello";
  EXPECT_EQ(zip_error(zip), "");
}

TEST(Zip, OtherFilesAreRefused) {
  EXPECT_EQ(zip_error("not a zip at all, but long enough"),
            "x.npz: not a zip file, or it ends early");
  EXPECT_NE(zip_error(""), "");
}

TEST(Zip, EveryCutIsRefused) {
  for (const std::string& zip : {two_files(), two_files(0)}) {
    for (size_t size = 0; size < zip.size(); ++size) {
      EXPECT_TRUE(zip_error(zip.substr(0, size)).starts_with("x.npz: ")) << size;
    }
  }
}

TEST(Zip, FlippedBytesNeverCrash) {
  for (const std::string& zip : {two_files(), two_files(0)}) {
    for (size_t at = 0; at < zip.size(); ++at) {
      for (const int mask : {0x01, 0x80, 0xFF}) {
        std::string broken = zip;
        broken[at] = static_cast<char>(broken[at] ^ mask);
        zip_error(broken);
      }
    }
  }
}

TEST(Zip, WrongChecksumsAreRefused) {
  std::string zip = two_files();
  zip[zip.find("stored content")] = 'S';
  EXPECT_EQ(zip_error(zip), "x.npz: a.npy: broken, wrong checksum");
}

TEST(Zip, UnpackingIsCapped) {
  EXPECT_EQ(zip_error(two_files(), 1014), "");
  EXPECT_TRUE(contains(zip_error(two_files(), 1013), "expected at most 1013 bytes when unpacked"));
}

TEST(Zip, EncryptedAndUnknownMethodsAreRefused) {
  const std::string zip = two_files();
  const size_t record = zip.find("PK\x01\x02");
  EXPECT_TRUE(contains(zip_error(with_u16(zip, record + 8, 1)), "a.npy: is encrypted"));
  EXPECT_TRUE(contains(zip_error(with_u16(zip, record + 10, 12)), "got method 12"));
}

TEST(Zip, TwoFilesOfOneNameAreRefused) {
  ZipWriter zip;
  zip.add("a", "1", false);
  zip.add("a", "2", false);
  EXPECT_TRUE(contains(zip_error(zip.finish()), "two files are called a"));
}

}  // namespace
}  // namespace ddpm
