#include "ddpm/data/folder_scan.h"

#include <array>

#include <gtest/gtest.h>

#include "ddpm/data/dataset.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

using Names = std::vector<std::string>;

FolderListing scan(const TempDir& root, const std::string& split = "train",
                   DataLabels labels = DataLabels::kAuto) {
  DataConfig config;
  config.split = split;
  config.labels = labels;
  return scan_files(*open_image_files(root.path(), 0), config);
}

void write_all(const TempDir& root, const Names& names) {
  for (const auto& name : names)
    root.write(name, "");
}

std::string scan_error(const TempDir& root, const std::string& split = "train") {
  return error_of<DataError>([&] { scan(root, split); });
}

std::string warnings_of(const FolderListing& listing) {
  return join(listing.warnings, "; ");
}

TEST(FolderScan, AFlatFolderHasNoClasses) {
  const TempDir root;
  write_all(root, {"b.JPG", "a.png", "c.Bmp", "d.jpeg", ".hidden.png", "notes.txt"});
  const auto listing = scan(root);
  EXPECT_EQ(listing.files, (Names{"a.png", "b.JPG", "c.Bmp", "d.jpeg"}));
  EXPECT_TRUE(listing.labels.empty());
  EXPECT_TRUE(listing.class_names.empty());
}

TEST(FolderScan, SubFoldersAreClassesInOrder) {
  const TempDir root;
  write_all(root, {"dog/2.png", "cat/1.png", "cat/deep/0.png", "dog/10.png", ".git/x.png",
                   "cat/.cache/y.png", "cat-2/0.png"});
  const auto listing = scan(root);
  EXPECT_EQ(listing.class_names, (Names{"cat", "cat-2", "dog"}));
  EXPECT_EQ(listing.files,
            (Names{"cat/1.png", "cat/deep/0.png", "cat-2/0.png", "dog/10.png", "dog/2.png"}));
  EXPECT_EQ(listing.labels, (std::vector<int64_t>{0, 0, 1, 2, 2}));
}

TEST(FolderScan, SaysWhatItTookAndLeftOut) {
  const TempDir root;
  write_all(root, {"cat/1.png", "cat/2.webq", "dog/3.png", "dog/4.HEIC", "dog/5.heic", "README",
                   "empty/notes.txt"});
  const auto listing = scan(root);
  EXPECT_EQ(listing.notes.front(),
            "took 2 files in 2 classes; left out: 5 files (2 .heic, 1 .txt, 1 .webq, 1 without "
            "ending)");
  EXPECT_EQ(listing.left_out.at(".heic"), 2);
  EXPECT_EQ(warnings_of(listing),
            "images of kinds that are not read are left out: 2 files (2 .heic); convert them to "
            "PNG; folders without images: empty");
  EXPECT_EQ(scan(root, "train", DataLabels::kNone).files.size(), 2U);
}

TEST(FolderScan, ClassNumbersAreTheSameInEverySplit) {
  const TempDir root;
  write_all(root, {"train/cat/1.png", "train/dog/2.png", "test/dog/3.png"});
  const auto listing = scan(root, "test");
  EXPECT_EQ(listing.files, (Names{"test/dog/3.png"}));
  EXPECT_EQ(listing.labels, (std::vector<int64_t>{1}));
  EXPECT_EQ(listing.class_names, (Names{"cat", "dog"}));
}

TEST(FolderScan, SplitsGoByTheNamesThatPeopleGive) {
  for (const auto& [train, held_out, split] :
       std::vector<std::array<std::string, 3>>{{"Train", "VALID", "val"},
                                               {"training", "dev", "val"},
                                               {"train", "testing", "test"},
                                               {"TRAIN_SET", "hold-out", "test"},
                                               {"train2017", "val2017", "val"},
                                               {"train", "eval", "val"}}) {
    const TempDir root;
    write_all(root, {train + "/cat/1.png", held_out + "/cat/2.png", "more/3.png"});
    EXPECT_EQ(scan(root).class_names, Names{"cat"}) << train;
    EXPECT_EQ(scan(root, split).files, Names{held_out + "/cat/2.png"});
    EXPECT_TRUE(contains(warnings_of(scan(root)), "lie beside the splits: more/"));
  }
}

TEST(FolderScan, OfTwoFoldersOfASplitTheMoreUsualNameCounts) {
  const TempDir root;
  write_all(root, {"train/1.png", "dev/2.png", "valid/3.png", "val/4.png"});
  EXPECT_EQ(scan(root, "val").files, Names{"val/4.png"});
  EXPECT_TRUE(contains(warnings_of(scan(root)), "beside the splits: dev/, valid/"));
}

TEST(FolderScan, FlatSplitsWork) {
  const TempDir root;
  write_all(root, {"train/a.png", "validation/b.png"});
  EXPECT_EQ(scan(root).files.size(), 1U);
  EXPECT_EQ(scan(root, "val").files, Names{"validation/b.png"});
  EXPECT_THROW(scan(root, "test"), NoSplitError);
  EXPECT_TRUE(contains(scan_error(root, "test"), "expected a sub-folder test"));
}

TEST(FolderScan, AClassMayBeCalledTrain) {
  const TempDir root;
  write_all(root, {"bus/a.png", "train/b.png"});
  EXPECT_EQ(scan(root).class_names, (Names{"bus", "train"}));
  EXPECT_TRUE(contains(warnings_of(scan(root)), "called like splits: train"));
}

TEST(FolderScan, TellsOfClassesThatMayNotBeMeantSo) {
  const TempDir root;
  write_all(root, {"train/Cat/1.png", "train/cat/2.png", "test/dog/3.png"});
  EXPECT_EQ(warnings_of(scan(root)),
            "classes Cat and cat differ by case alone; classes without training images: dog");
  const TempDir above;
  write_all(above, {"images/cat/1.png", "images/dog/2.png"});
  EXPECT_TRUE(contains(warnings_of(scan(above)), "one class, images, with the folders cat, dog"));
  const TempDir inside;
  write_all(inside, {"cat/train/1.png", "cat/test/2.png", "dog/train/3.png"});
  EXPECT_TRUE(contains(warnings_of(scan(inside)), "taken together: test, train"));
}

TEST(FolderScan, ThePrefixOfANameIsAClassOnWish) {
  const TempDir root;
  write_all(root, {"b/dog_1.png", "a/cat_2_x.png", "dog_3.png"});
  const auto listing = scan(root, "train", DataLabels::kPrefix);
  EXPECT_EQ(listing.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(listing.files, (Names{"a/cat_2_x.png", "b/dog_1.png", "dog_3.png"}));
  root.write("plain.png", "");
  const auto error = error_of<DataError>([&] { scan(root, "train", DataLabels::kPrefix); });
  EXPECT_TRUE(contains(error, "plain.png: expected a name such as dog_0001.png"));
}

TEST(FolderScan, WithoutLabelsFoldersDoNotMatter) {
  const TempDir root;
  write_all(root, {"b/1.png", "a/2.png", "3.png"});
  const auto listing = scan(root, "train", DataLabels::kNone);
  EXPECT_EQ(listing.files, (Names{"3.png", "a/2.png", "b/1.png"}));
  EXPECT_EQ(listing.num_classes, 0);
  EXPECT_TRUE(contains(scan_error(root), "found both (3.png and a/); data.labels none"));
}

TEST(FolderScan, AMetadataListGoesBeforeFolders) {
  const TempDir root;
  write_all(root, {"train/a/1.png", "train/a/2.png", "train/b/3.png"});
  root.write("train/metadata.csv",
             "file_name,text,label\na/1.png,x,red\nb/3.png,,blue\n4.png,,red");
  const auto listing = scan(root);
  EXPECT_EQ(listing.files, (Names{"train/b/3.png", "train/a/1.png"}));
  EXPECT_EQ(listing.class_names, (Names{"blue", "red"}));
  EXPECT_TRUE(
      contains(join(listing.notes), "metadata.csv tells the classes (label); not read: text"));
  EXPECT_TRUE(contains(warnings_of(listing), "1 images are left out"));
  EXPECT_TRUE(contains(warnings_of(listing), "1 files that train/metadata.csv names are not"));
  EXPECT_EQ(scan(root, "train", DataLabels::kFolder).class_names, (Names{"a", "b"}));
}

TEST(FolderScan, AListAboveTheSplitsAndOneWithoutLabelsWork) {
  const TempDir root;
  write_all(root, {"train/1.png", "test/2.png"});
  root.write("metadata.jsonl",
             "{\"file_name\": \"train/1.png\", \"label\": 4}\n"
             "{\"file_name\": \"test/2.png\", \"label\": 2}\n");
  EXPECT_EQ(scan(root, "test").labels, std::vector<int64_t>{2});
  EXPECT_EQ(scan(root).num_classes, 5);
  const TempDir other;
  write_all(other, {"7/1.png", "10/2.png"});
  other.write("metadata.csv", "file_name,text\n7/1.png,x\n");
  EXPECT_EQ(scan(other).class_names, (Names{"10", "7"}));
}

TEST(FolderScan, EdmsListTellsNumbersOrNothing) {
  const TempDir root;
  write_all(root, {"00000/img0.png", "00000/img1.png"});
  root.write("dataset.json", R"({"labels": [["00000/img1.png", 0], ["00000/img0.png", 3]]})");
  EXPECT_EQ(scan(root).files, (Names{"00000/img1.png", "00000/img0.png"}));
  EXPECT_EQ(scan(root).num_classes, 4);
  root.write("dataset.json", R"({"labels": null})");
  EXPECT_EQ(scan(root).num_classes, 0);
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
