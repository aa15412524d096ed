#include "ddpm/data/npz.h"

#include <array>

#include <gtest/gtest.h>

#include "ddpm/data/npy.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

using Arrays = std::map<std::string, NpyArray>;

std::string open_error(const Arrays& arrays) {
  const TempDir folder;
  const auto file = folder.write("x.npz", format_npz(arrays, true));
  return error_of<DataError>([&] { open_npz({}, file); });
}

TEST(NpzDataset, ColourIsReadChannelByChannel) {
  const TempDir folder;
  const Arrays arrays = {
      {"arr_0", {"u1", {2, 1, 2, 3}, "rgbRGBuvwUVW"}},
      {"arr_1", {"i8", {2}, std::string("\5\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16)}}};
  const auto dataset = open_npz({}, folder.write("x.npz", format_npz(arrays, false)));
  EXPECT_EQ(dataset->info().channels, 3);
  EXPECT_EQ(dataset->info().num_classes, 6);
  EXPECT_EQ(dataset->label(0), 5);
  std::string chw(6, '\0');
  dataset->read(1, reinterpret_cast<uint8_t*>(chw.data()));
  EXPECT_EQ(chw, "uUvVwW");
}

TEST(NpzDataset, GreyNeedsNoChannelsAndLabelsMayBeMissing) {
  const TempDir folder;
  const auto file =
      folder.write("x.npz", format_npz({{"arr_0", {"u1", {1, 2, 3}, "abcdef"}}}, true));
  const auto dataset = open_npz({}, file);
  EXPECT_EQ(dataset->info().channels, 1);
  EXPECT_EQ(dataset->info().width, 3);
  EXPECT_EQ(dataset->info().num_classes, 0);
  EXPECT_EQ(dataset->label(0), -1);
}

TEST(NpzDataset, LabelsOfEveryIntegerTypeAreRead) {
  const TempDir folder;
  for (const std::string dtype : {"u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8"}) {
    const auto item = static_cast<size_t>(dtype[1] - '0');
    const std::string label = "\7" + std::string(item - 1, '\0');
    const Arrays arrays = {{"arr_0", {"u1", {1, 1, 1}, "a"}}, {"arr_1", {dtype, {1}, label}}};
    EXPECT_EQ(open_npz({}, folder.write("x.npz", format_npz(arrays, false)))->label(0), 7);
  }
}

TEST(NpzDataset, SplitsAndKeysOfTheUsualKindsAreFound) {
  const NpyArray one{"u1", {1, 1, 2}, "ab"};
  const NpyArray two{"u1", {1, 1, 3}, "abc"};
  for (const auto& [first, second, split] :
       std::vector<std::array<std::string, 3>>{{"train_images", "val_images", "val"},
                                               {"x_train", "x_test", "test"},
                                               {"X_train", "X_test", "test"},
                                               {"train", "valid", "val"},
                                               {"data", "test_data", "test"}}) {
    const TempDir folder;
    const auto file = folder.write("x.npz", format_npz({{first, one}, {second, two}}, false));
    DataConfig config;
    config.split = split;
    EXPECT_EQ(open_npz(config, file)->info().width, 3) << second;
    config.split = "train";
    if (first == "data") continue;  // beside arrays of splits it is of none
    EXPECT_EQ(open_npz(config, file)->info().width, 2) << first;
  }
}

TEST(NpzDataset, ASplitThatIsNotThereIsTold) {
  const TempDir folder;
  const NpyArray images{"u1", {1, 1, 2}, "ab"};
  DataConfig config;
  config.split = "val";
  for (const char* key : {"arr_0", "x_train"}) {
    const auto file = folder.write("x.npz", format_npz({{key, images}}, false));
    EXPECT_THROW(open_npz(config, file), NoSplitError);
  }
}

TEST(NpzDataset, ArraysThatNobodyNeedsDoNotSpoilIt) {
  const TempDir folder;
  ZipWriter zip;
  zip.add("images.npy", format_npy({"u1", {1, 1, 2}, "ab"}), false);
  zip.add("names.npy", "an array of texts", false);
  EXPECT_EQ(open_npz({}, folder.write("x.npz", zip.finish()))->info().images, 1);
}

TEST(NpzDataset, ColumnsAndOneHotRowsAreLabels) {
  const TempDir folder;
  const NpyArray images{"u1", {2, 1, 1}, "ab"};
  const auto label = [&](const NpyArray& labels) {
    const Arrays arrays = {{"images", images}, {"y", labels}};
    return open_npz({}, folder.write("x.npz", format_npz(arrays, false)))->label(1);
  };
  EXPECT_EQ(label({"u1", {2, 1}, std::string("\0\4", 2)}), 4);
  EXPECT_EQ(label({"u1", {2, 3}, std::string("\1\0\0\0\0\1", 6)}), 2);
  EXPECT_EQ(label({"f4", {2}, std::string("\0\0\0\0\0\0\x40\x40", 8)}), 3);
  const Arrays both = {{"x", images}, {"y", {"u1", {2, 2}, std::string("\1\0\1\1", 4)}}};
  EXPECT_TRUE(contains(open_error(both), "image 1 has several or none; data.labels none"));
  DataConfig config;
  config.labels = DataLabels::kNone;
  EXPECT_EQ(open_npz(config, folder.write("x.npz", format_npz(both, true)))->label(0), -1);
}

TEST(NpzDataset, AnNpyFileHoldsImagesAlone) {
  const TempDir folder;
  const auto file = folder.write("x.npy", format_npy({"u1", {2, 1, 1, 3}, "rgbRGB"}));
  const auto dataset = open_npz({}, file);
  EXPECT_EQ(dataset->info().images, 2);
  EXPECT_EQ(dataset->info().num_classes, 0);
}

TEST(NpzDataset, OtherArraysAreRefused) {
  EXPECT_TRUE(contains(open_error({{"mu", {"u1", {1}, "a"}}}),
                       "expected images in arr_0, images, x or data"));
  EXPECT_TRUE(contains(open_error({{"arr_0", {"f4", {1, 1, 1}, "abcd"}}}), "got f4 from 1.67"));
  EXPECT_TRUE(contains(open_error({{"arr_0", {"u1", {1, 2, 1, 2}, "abcd"}}}), "2 channels"));
  EXPECT_TRUE(contains(open_error({{"arr_0", {"u1", {4}, "abcd"}}}), "1 dimensions"));
  EXPECT_TRUE(contains(open_error({{"arr_0", {"u1", {0, 2, 2}, ""}}}), "has no images"));
}

TEST(NpzDataset, LabelsMustFit) {
  const NpyArray images{"u1", {1, 1, 1}, "a"};
  EXPECT_TRUE(contains(open_error({{"arr_0", images}, {"arr_1", {"u1", {2}, "ab"}}}), "arr_1"));
  EXPECT_TRUE(contains(open_error({{"arr_0", images}, {"arr_1", {"f4", {1}, "abcd"}}}), "got f4"));
  EXPECT_TRUE(contains(open_error({{"arr_0", images}, {"arr_1", {"i1", {1}, "\xFF"}}}), "got -1"));
  EXPECT_TRUE(contains(open_error({{"arr_0", images}, {"arr_1", {"i4", {1}, "zzzz"}}}), "999999"));
}

TEST(NpzDataset, UnpackedFilesHaveALimit) {
  const TempDir folder;
  const Arrays arrays = {{"arr_0", {"u1", {2, 1000, 1000}, std::string(2'000'000, 'x')}}};
  const auto file = folder.write("x.npz", format_npz(arrays, true));
  DataConfig config;
  config.memory_limit_gb = 0.001;
  config.image_size = {2};
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_npz(config, file); }),
                       "expected at most 1000000 bytes when unpacked"));
}

}  // namespace
}  // namespace ddpm
