#include "ddpm/data/idx.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

const std::string kImages = "train-images-idx3-ubyte";
const std::string kLabels = "train-labels-idx1-ubyte";

// Two images of 2 x 3 with the labels 1 and 0.
void write_pair(const TempDir& folder, bool packed = false, const std::string& prefix = "train") {
  const auto write = [&](const std::string& name, const std::string& bytes) {
    folder.write(prefix + name + (packed ? ".gz" : ""), packed ? gzip_bytes(bytes) : bytes);
  };
  write("-images-idx3-ubyte", idx_bytes({2, 2, 3}, "abcdefghijkl"));
  write("-labels-idx1-ubyte", idx_bytes({2}, std::string("\1\0", 2)));
}

std::string open_error(const TempDir& folder) {
  return error_of<DataError>([&] { open_idx({}, folder.path()); });
}

TEST(Idx, PlainAndPackedFilesReadTheSame) {
  for (const bool packed : {false, true}) {
    const TempDir folder;
    write_pair(folder, packed);
    const auto dataset = open_idx({}, folder.path());
    EXPECT_EQ(dataset->info().images, 2);
    EXPECT_EQ(dataset->info().height, 2);
    EXPECT_EQ(dataset->info().width, 3);
    EXPECT_EQ(dataset->info().num_classes, 2);
    EXPECT_EQ(dataset->label(0), 1);
    std::string image(6, '\0');
    dataset->read(1, reinterpret_cast<uint8_t*>(image.data()));
    EXPECT_EQ(image, "ghijkl");
  }
}

TEST(Idx, TheTestSplitIsT10k) {
  const TempDir folder;
  write_pair(folder, false, "t10k");
  DataConfig config;
  config.split = "test";
  EXPECT_EQ(open_idx(config, folder.path())->info().images, 2);
  EXPECT_TRUE(contains(open_error(folder), "expected train-images-idx3-ubyte"));
}

TEST(Idx, FilesGoByTheNamesThatArePublished) {
  for (const std::string name :
       {"train-images.idx3-ubyte", "Train_Images_idx3_ubyte.gz", "images.idx3", "trainset-idx3.gz",
        "qmnist-train-images-idx3-ubyte"}) {
    const TempDir folder;
    const auto bytes = idx_bytes({2, 2, 3}, "abcdefghijkl");
    const auto file =
        folder.write(name, name.ends_with(".gz") ? gzip_bytes(bytes) : std::string(bytes));
    EXPECT_EQ(open_idx({}, folder.path())->info().images, 2) << name;
    EXPECT_EQ(open_idx({}, file)->info().num_classes, 0) << name;
  }
}

TEST(Idx, LabelsLieBesideTheirImages) {
  const TempDir folder;
  folder.write("test-images.idx3-ubyte", idx_bytes({2, 1, 2}, "abcd"));
  folder.write("test-labels.idx1-ubyte", idx_bytes({2}, std::string("\1\2", 2)));
  DataConfig config;
  config.split = "test";
  EXPECT_EQ(open_idx(config, folder.path())->label(1), 2);
  EXPECT_THROW(open_idx({}, folder.path()), NoSplitError);
  std::filesystem::remove(folder.path() / "test-labels.idx1-ubyte");
  const auto dataset = open_idx(config, folder.path());
  EXPECT_EQ(dataset->label(1), -1);
  EXPECT_TRUE(contains(dataset->info().warnings.at(0), "there are no labels beside"));
}

TEST(Idx, EmnistIsTurnedAndItsSetsAreNotMixed) {
  const TempDir folder;
  folder.write("emnist-letters-train-images-idx3-ubyte", idx_bytes({1, 2, 3}, "abcdef"));
  folder.write("emnist-letters-train-labels-idx1-ubyte", idx_bytes({1}, "\1"));
  const auto dataset = open_idx({}, folder.path());
  std::string image(6, '\0');
  dataset->read(0, reinterpret_cast<uint8_t*>(image.data()));
  EXPECT_EQ(image, "adbecf");
  EXPECT_EQ(dataset->info().height, 3);
  folder.write("emnist-digits-train-images-idx3-ubyte", idx_bytes({1, 2, 3}, "abcdef"));
  EXPECT_TRUE(contains(open_error(folder), "expected images of one dataset, found emnist-digits"));
}

TEST(Idx, SizesBeyondTheFileAreRefused) {
  const TempDir folder;
  write_pair(folder);
  folder.write(kImages, idx_bytes({0xFFFFFFFF, 0xFFFF, 0xFFFF}, "abc"));
  EXPECT_TRUE(contains(open_error(folder), "sizes cannot be true"));
  folder.write(kImages, idx_bytes({0xFFFFFFFF, 28, 28}, "abc"));
  EXPECT_TRUE(contains(open_error(folder), "ends early"));
  folder.write(kImages, gzip_bytes(idx_bytes({0xFFFFFFFF, 28, 28}, "abc")));
  EXPECT_TRUE(contains(open_error(folder), "ends early"));
}

TEST(Idx, FilesOfAnotherLengthAreRefused) {
  const TempDir folder;
  write_pair(folder);
  folder.write(kImages, idx_bytes({2, 2, 3}, "abcdefghijk"));
  EXPECT_TRUE(contains(open_error(folder), "ends early, expected 12 more bytes, got at most 11"));
  folder.write(kImages, idx_bytes({2, 2, 3}, "abcdefghijklm"));
  EXPECT_TRUE(contains(open_error(folder), "more bytes than its header"));
  folder.write(kImages, "\0\0");
  EXPECT_NE(open_error(folder), "");
}

TEST(Idx, OtherFilesAreRefused) {
  const TempDir folder;
  write_pair(folder);
  folder.write(kImages, idx_bytes({2, 6}, "abcdefghijklmnop"));
  EXPECT_TRUE(contains(open_error(folder), "expected an IDX file of bytes with 3 dimensions"));
}

TEST(Idx, LabelsMustFit) {
  const TempDir folder;
  write_pair(folder);
  EXPECT_EQ(open_idx({}, folder.path(), {"a", "b", "c"})->info().num_classes, 3);
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_idx({}, folder.path(), {"only"}); }),
                       "expected labels from 0 to 0, got 1"));
  folder.write(kLabels, idx_bytes({3}, "abc"));
  EXPECT_TRUE(contains(open_error(folder), "expected 2 labels, got 3"));
}

TEST(Idx, EmptyFilesAreRefused) {
  const TempDir folder;
  folder.write(kImages, idx_bytes({0, 28, 28}, ""));
  folder.write(kLabels, idx_bytes({0}, ""));
  EXPECT_TRUE(contains(open_error(folder), "has no images"));
}

TEST(Idx, UnpackedFilesHaveALimit) {
  const TempDir folder;
  write_pair(folder);
  folder.write(kImages, gzip_bytes(idx_bytes({2, 1000, 1000}, std::string(2'000'000, 'x'))));
  DataConfig config;
  config.memory_limit_gb = 0.001;
  config.image_size = {2};
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_idx(config, folder.path()); }),
                       "expected at most 1000000 bytes, got 2000000; raise data.memory_limit_gb"));
}

}  // namespace
}  // namespace ddpm
