#include "ddpm/data/dataset.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/config/dataset_traits.h"
#include "ddpm/data/held_out.h"
#include "ddpm/data/image_io.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/log_messages.h"
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

TEST(OpenDataset, WhatLiesAtTheRootIsFoundWithoutAName) {
  const TempDir root;
  root.write("idx/train-images-idx3-ubyte", idx_bytes({1, 2, 2}, "abcd"));
  root.write("cifar/cifar-10-batches-bin/test_batch.bin", std::string(3073, '\1'));
  root.write("x.npz", format_npz({{"x_test", {"u1", {1, 2, 2}, "abcd"}}}, true));
  root.write("x.npy", format_npy({"u1", {1, 2, 2}, "abcd"}));
  root.write("x.txt", "a text");
  root.write("python/data_batch_1", "pickled");
  auto config = config_of("folder", root.path() / "idx");
  EXPECT_EQ(open_dataset(config)->info().images, 1);
  EXPECT_EQ(open_dataset(config_of("folder", root.path() / "x.npy"))->info().images, 1);
  for (const char* place : {"cifar", "x.npz"}) {
    config = config_of("folder", root.path() / place);
    config.split = "test";
    EXPECT_EQ(open_dataset(config)->info().images, 1) << place;
  }
  EXPECT_TRUE(
      contains(data_error(config_of("folder", root.path() / "x.txt")), "expected a folder"));
  EXPECT_TRUE(
      contains(data_error(config_of("folder", root.path() / "python")), "fetch the binary"));
}

TEST(OpenDataset, HeldOutImagesAreThoseOfValInTrainingAndOfTestInEvaluations) {
  const TempDir root;
  const auto held_out = [&](HeldOut chosen, HeldOutUse use) {
    auto config = config_of("folder", root.path());
    config.held_out = chosen;
    return open_held_out(config, use).split;
  };
  root.write("train/a.png", encode_png(make_image(2, 2, 3)));
  EXPECT_EQ(held_out(HeldOut::kAuto, HeldOutUse::kTraining), "");
  root.write("valid/b.png", encode_png(make_image(2, 2, 3)));
  EXPECT_EQ(held_out(HeldOut::kAuto, HeldOutUse::kEvaluation), "val");
  root.write("test/c.png", encode_png(make_image(2, 2, 3)));
  EXPECT_EQ(held_out(HeldOut::kAuto, HeldOutUse::kTraining), "val");
  EXPECT_EQ(held_out(HeldOut::kAuto, HeldOutUse::kEvaluation), "test");
  EXPECT_EQ(held_out(HeldOut::kTest, HeldOutUse::kTraining), "test");
}

TEST(OpenDataset, ABrokenHeldOutSplitIsToldAndPassedOver) {
  const TempDir root;
  root.write("train/a.png", encode_png(make_image(2, 2, 3)));
  root.write("val/b.png", "oops");
  const LogMessages log;
  EXPECT_EQ(open_held_out(config_of("folder", root.path()), HeldOutUse::kTraining).images, nullptr);
  EXPECT_TRUE(log.have("b.png: not a"));
}

TEST(OpenDataset, PackedDataHasAFingerprintOfItsContents) {
  const TempDir root;
  const auto print = [&](const std::string& pixels, const std::string& label) {
    const auto file = root.write(
        "x.npz", format_npz({{"x", {"u1", {1, 2, 2}, pixels}}, {"y", {"u1", {1}, label}}}, true));
    return open_dataset(config_of("npz", file))->info().fingerprint;
  };
  EXPECT_EQ(print("abcd", "\1"), print("abcd", "\1"));
  EXPECT_NE(print("abcd", "\1"), print("abce", "\1"));
  EXPECT_NE(print("abcd", "\1"), print("abcd", "\2"));
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
