#include "ddpm/data/folder_scan.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

using Names = std::vector<std::string>;

Names names_of(const TempDir& root, const FolderListing& listing) {
  Names names;
  for (const auto& file : listing.files) {
    names.push_back(file.lexically_relative(root.path()).string());
  }
  return names;
}

std::string scan_error(const TempDir& root, const std::string& split = "train") {
  return error_of<DataError>([&] { scan_folder(root.path(), split); });
}

TEST(FolderScan, AFlatFolderHasNoClasses) {
  const TempDir root;
  for (const char* name : {"b.JPG", "a.png", "c.Bmp", "d.jpeg", ".hidden.png", "notes.txt"}) {
    root.write(name, "");
  }
  const FolderListing listing = scan_folder(root.path(), "train");
  EXPECT_EQ(names_of(root, listing), (Names{"a.png", "b.JPG", "c.Bmp", "d.jpeg"}));
  EXPECT_TRUE(listing.labels.empty());
  EXPECT_TRUE(listing.class_names.empty());
}

TEST(FolderScan, SubFoldersAreClassesInOrder) {
  const TempDir root;
  for (const char* name : {"dog/2.png", "cat/1.png", "cat/deep/0.png", "dog/10.png", ".git/x.png",
                           "cat/.cache/y.png", "empty/readme.txt"}) {
    root.write(name, "");
  }
  const FolderListing listing = scan_folder(root.path(), "train");
  EXPECT_EQ(listing.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(names_of(root, listing),
            (Names{"cat/1.png", "cat/deep/0.png", "dog/10.png", "dog/2.png"}));
  EXPECT_EQ(listing.labels, (std::vector<int64_t>{0, 0, 1, 1}));
}

TEST(FolderScan, ClassNumbersAreTheSameInEverySplit) {
  const TempDir root;
  for (const char* name : {"train/cat/1.png", "train/dog/2.png", "test/dog/3.png"}) {
    root.write(name, "");
  }
  const FolderListing listing = scan_folder(root.path(), "test");
  EXPECT_EQ(names_of(root, listing), (Names{"test/dog/3.png"}));
  EXPECT_EQ(listing.labels, (std::vector<int64_t>{1}));
  EXPECT_EQ(listing.class_names, (Names{"cat", "dog"}));
}

TEST(FolderScan, FlatSplitsWork) {
  const TempDir root;
  root.write("train/a.png", "");
  root.write("validation/b.png", "");
  EXPECT_EQ(scan_folder(root.path(), "train").files.size(), 1U);
  EXPECT_TRUE(contains(scan_error(root, "test"), "expected a sub-folder test"));
}

TEST(FolderScan, AClassMayBeCalledTrain) {
  const TempDir root;
  root.write("bus/a.png", "");
  root.write("train/b.png", "");
  EXPECT_EQ(scan_folder(root.path(), "train").class_names, (Names{"bus", "train"}));
}

TEST(FolderScan, LinksToFilesAreFollowedAndDanglingOnesKept) {
  const TempDir root;
  const TempDir elsewhere;
  std::filesystem::create_symlink(elsewhere.write("x.png", ""), root.path() / "a.png");
  std::filesystem::create_symlink("/no/such.png", root.path() / "b.png");
  EXPECT_EQ(scan_folder(root.path(), "train").files.size(), 2U);
}

TEST(FolderScan, NothingAndBothAreRefused) {
  const TempDir root;
  EXPECT_TRUE(contains(scan_error(root), "found none"));
  root.write("a.png", "");
  root.write("cat/b.png", "");
  EXPECT_TRUE(contains(scan_error(root), "found both (a.png and cat/)"));
}

}  // namespace
}  // namespace ddpm
