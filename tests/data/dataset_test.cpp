#include "ddpm/data/dataset.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/config/dataset_traits.h"
#include "ddpm/data/image_io.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist";

DataConfig config_of(const std::string& name, const std::filesystem::path& root = {}) {
  DataConfig config;
  config.name = name;
  config.root = root.string();
  return config;
}

std::string data_error(const DataConfig& config) {
  return error_of<DataError>([&] { open_dataset(config); });
}

TEST(OpenDataset, ReadsFashionMnist) {
  if (!std::filesystem::exists(kFashionMnist)) GTEST_SKIP() << "dataset-fashion-mnist is missing";
  const auto dataset = open_dataset(config_of("fashion-mnist"));
  EXPECT_EQ(dataset->info().images, 60000);
  EXPECT_EQ(dataset->info().height, 28);
  EXPECT_EQ(dataset->info().channels, 1);
  EXPECT_EQ(dataset->info().where, kFashionMnist);
  EXPECT_EQ(dataset->label(0), 9);
  EXPECT_EQ(dataset->info().class_names[9], "ankle-boot");
}

TEST(OpenDataset, ReadsTheTestSplitAndResizes) {
  if (!std::filesystem::exists(kFashionMnist)) GTEST_SKIP() << "dataset-fashion-mnist is missing";
  DataConfig config = config_of("fashion-mnist");
  config.split = "test";
  config.image_size = {32};
  config.channels = 3;
  const auto dataset = open_dataset(config);
  EXPECT_EQ(dataset->info().images, 10000);
  EXPECT_EQ(dataset->info().channels, 3);
  EXPECT_EQ(dataset->info().width, 32);
}

TEST(OpenDataset, HasAReaderForEveryNameOfTheSettings) {
  for (const auto name : dataset_names())
    EXPECT_EQ(data_error(config_of(std::string(name), "/nowhere/at/all")),
              "data: /nowhere/at/all: no such file or folder");
}

TEST(OpenDataset, ReadsEveryFormatByItsName) {
  const TempDir root;
  root.write("idx/train-images-idx3-ubyte", idx_bytes({1, 2, 2}, "abcd"));
  root.write("idx/train-labels-idx1-ubyte", idx_bytes({1}, "\3"));
  root.write("folder/a.png", encode_png(make_image(2, 2, 3)));
  root.write("x.npz", format_npz({{"arr_0", {"u1", {1, 2, 2}, "abcd"}}}, true));
  EXPECT_EQ(open_dataset(config_of("idx", root.path() / "idx"))->info().num_classes, 4);
  EXPECT_EQ(open_dataset(config_of("mnist", root.path() / "idx"))->info().class_names[3], "3");
  EXPECT_EQ(open_dataset(config_of("folder", root.path() / "folder"))->info().name, "folder");
  EXPECT_EQ(open_dataset(config_of("npz", root.path() / "x.npz"))->info().height, 2);
}

TEST(OpenDataset, UnknownNamesGiveTheNearest) {
  const auto error = error_of<UserError>([] { open_dataset(config_of("cifr10")); });
  EXPECT_TRUE(contains(error, "got 'cifr10'; did you mean cifar10?"));
}

TEST(OpenDataset, MissingDataSaysWhereItLookedAndWhatToDo) {
  const std::string error = data_error(config_of("cifar10"));
  EXPECT_TRUE(contains(error, "data/cifar10, data/cifar-10-batches-bin"));
  EXPECT_TRUE(contains(error, "scripts/get_data.sh cifar10"));
  EXPECT_EQ(data_error(config_of("folder", "/no/such")), "data: /no/such: no such file or folder");
}

TEST(OpenDataset, OwnImagesNeedAPlaceAndAKnownSplit) {
  EXPECT_THROW(open_dataset(config_of("folder")), UserError);
  DataConfig config = config_of("folder", "/tmp");
  config.split = "tset";
  EXPECT_THROW(open_dataset(config), UserError);
}

TEST(OpenDataset, ErrorsNameTheFile) {
  const TempDir root;
  root.write("cat/3.png", "no image");
  EXPECT_EQ(data_error(config_of("folder", root.path())),
            "data: " + root.path().string() +
                "/cat/3.png: not an image, expected PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM");
}

TEST(OpenDataset, ClassNamesThatCheckpointsCannotHoldAreRefused) {
  const TempDir root;
  root.write("h\xE9ron/a.png", encode_png(make_image(2, 2, 3)));
  EXPECT_TRUE(contains(data_error(config_of("folder", root.path())), "class names in UTF-8"));
  const TempDir other;
  other.write("a\nb/a.png", encode_png(make_image(2, 2, 3)));
  EXPECT_TRUE(contains(data_error(config_of("folder", other.path())), "got 'a?b'"));
}

}  // namespace
}  // namespace ddpm
