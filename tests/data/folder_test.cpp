#include "ddpm/data/folder.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "support/data_files.h"
#include "support/log_messages.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

// Six images of 8 x 10, the classes a and b of three each.
void write_images(const TempDir& root) {
  for (int i = 0; i < 6; ++i) {
    const std::string name = (i < 3 ? "a/" : "b/") + std::to_string(i) + ".png";
    root.write(name, encode_png(make_image(8, 10, 3, i)));
  }
}

DataConfig streaming() {
  DataConfig config;
  config.memory_limit_gb = 0;
  return config;
}

std::vector<uint8_t> read(const Dataset& dataset, int64_t index) {
  const DatasetInfo& info = dataset.info();
  std::vector<uint8_t> chw(static_cast<size_t>(info.channels * info.height * info.width));
  dataset.read(index, chw.data());
  return chw;
}

std::vector<uint8_t> expected(int seed) {
  std::vector<uint8_t> chw(240);
  to_chw(make_image(8, 10, 3, seed), chw.data());
  return chw;
}

TEST(Folder, MemoryAndStreamingReadTheSame) {
  const TempDir root;
  write_images(root);
  for (const DataConfig& config : {DataConfig{}, streaming()}) {
    const auto dataset = open_folder(config, root.path());
    EXPECT_EQ(dataset->info().images, 6);
    EXPECT_EQ(dataset->info().num_classes, 2);
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(read(*dataset, i), expected(i));
      EXPECT_EQ(dataset->label(i), i / 3);
    }
  }
}

TEST(Folder, ImagesAreTurnedUprightInMemoryAndWhileStreaming) {
  const TempDir root;
  const auto images = std::filesystem::path(DDPM_TEST_DATA) / "images";
  for (const char* name : {"turned-6.jpg", "turned-6.png", "turned-6.webp", "turned-6.tif"}) {
    root.write(name, read_file(images / name));
  }
  for (const DataConfig& config : {DataConfig{}, streaming()}) {
    const auto dataset = open_folder(config, root.path());
    EXPECT_EQ(dataset->info().height, 16);
    EXPECT_EQ(dataset->info().width, 8);
    EXPECT_EQ(read(*dataset, 1), read(*dataset, 2));
    EXPECT_EQ(read(*dataset, 1), read(*dataset, 3));
  }
}

TEST(Folder, ImagesAboveTheLimitNameItsSetting) {
  const TempDir root;
  write_images(root);
  for (DataConfig config : {DataConfig{}, streaming()}) {
    config.max_image_pixels = 79;
    const auto error = error_of<DataError>([&] { open_folder(config, root.path()); });
    EXPECT_TRUE(contains(error, "a/0.png: too large")) << error;
    EXPECT_TRUE(contains(error, "raise data.max_image_pixels")) << error;
    config.max_image_pixels = 80;
    EXPECT_EQ(open_folder(config, root.path())->info().images, 6);
  }
}

TEST(Folder, WarnsOfDarkImagesOfSixteenBitsInMemoryAndWhileStreaming) {
  using namespace std::string_literals;
  const TempDir root;
  root.write("a.pgm", "P5 2 1 65535 \x0F\xFF\x00\x10"s);
  root.write("b.pgm", "P5 2 1 65535 \x0A\xFF\x00\x10"s);
  for (const DataConfig& config : {DataConfig{}, streaming()}) {
    const LogMessages messages;
    open_folder(config, root.path());
    EXPECT_TRUE(messages.have("the brightest of 2 images of 16 bits")) << messages.all();
  }
}

TEST(Folder, TheNumberOfThreadsDoesNotMatter) {
  const TempDir root;
  write_images(root);
  DataConfig config;
  config.image_size = {5, 7};
  config.workers = 1;
  const auto alone = open_folder(config, root.path());
  config.workers = 5;
  const auto many = open_folder(config, root.path());
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(read(*many, i), read(*alone, i));
  }
}

TEST(Folder, ImagesAreInColourIfAnyIs) {
  const TempDir root;
  root.write("0.png", encode_png(make_image(4, 4, 1)));
  EXPECT_EQ(open_folder({}, root.path())->info().channels, 1);
  root.write("1.jpg", jpeg_bytes(make_image(4, 4, 3)));
  for (const DataConfig& config : {DataConfig{}, streaming()}) {
    const auto dataset = open_folder(config, root.path());
    EXPECT_EQ(read(*dataset, 0).size(), 48U);
    EXPECT_EQ(dataset->info().notes.back(), "1 of 2 images are grey, the others in colour");
  }
}

TEST(Folder, SettingsSayWhatColoursThereAre) {
  const TempDir root;
  root.write("0.png", encode_png(make_image(4, 4, 1)));
  DataConfig config;
  config.channels = 3;
  EXPECT_EQ(read(*open_folder(config, root.path()), 0).size(), 48U);
}

TEST(Folder, MixedSizesNeedASize) {
  const TempDir root;
  root.write("0.png", encode_png(make_image(4, 4, 3)));
  root.write("1.png", encode_png(make_image(4, 6, 3)));
  for (DataConfig config : {DataConfig{}, streaming()}) {
    const auto error = error_of<DataError>([&] { open_folder(config, root.path()); });
    EXPECT_TRUE(contains(error, "1.png: expected 4 x 4 as the first image, got 4 x 6"));
    EXPECT_TRUE(contains(error, "set data.image_size"));
    config.image_size = {4};
    EXPECT_EQ(open_folder(config, root.path())->info().images, 2);
  }
}

TEST(Folder, BrokenFilesAreNamed) {
  const TempDir root;
  write_images(root);
  root.write("a/1.png", "oops");
  DataConfig config;
  config.image_size = {8};
  const std::string text = "a/1.png: not an image, expected PNG";
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_folder(config, root.path()); }), text));
  config.memory_limit_gb = 0;
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_folder(config, root.path()); }), text));
  config.channels = 3;  // headers need not be read
  const auto dataset = open_folder(config, root.path());
  EXPECT_TRUE(contains(error_of<DataError>([&] { read(*dataset, 1); }), text));
  EXPECT_NO_THROW(read(*dataset, 0));
}

TEST(Folder, MemoryLeavesBrokenFilesOut) {
  const TempDir root;
  write_images(root);
  root.write("a/0.png", "oops");
  root.write("b/4.png", encode_png(make_image(8, 10, 3)).substr(0, 60));
  DataConfig config;
  config.skip_bad = true;
  const auto dataset = open_folder(config, root.path());
  EXPECT_EQ(dataset->info().images, 4);
  EXPECT_EQ(dataset->skipped(), 2);
  EXPECT_EQ(read(*dataset, 2), expected(3));
  EXPECT_EQ(dataset->label(1), 0);
  EXPECT_EQ(dataset->label(2), 1);
}

TEST(Folder, StreamingReplacesBrokenFilesWithinTheirClass) {
  const TempDir root;
  write_images(root);
  root.write("a/2.png", "oops");
  root.write("b/3.png", encode_png(make_image(8, 10, 3)).substr(0, 60));
  DataConfig config = streaming();
  config.skip_bad = true;
  const auto dataset = open_folder(config, root.path());
  EXPECT_EQ(dataset->info().images, 6);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(read(*dataset, 2), expected(0));
    EXPECT_EQ(read(*dataset, 3), expected(4));
  }
  EXPECT_EQ(dataset->skipped(), 2);
}

TEST(Folder, AClassWithoutGoodFilesIsRefusedWhileStreaming) {
  const TempDir root;
  write_images(root);
  for (const char* name : {"b/3.png", "b/4.png", "b/5.png"}) {
    root.write(name, "oops");
  }
  DataConfig config = streaming();
  config.skip_bad = true;
  const auto dataset = open_folder(config, root.path());
  EXPECT_TRUE(contains(error_of<DataError>([&] { read(*dataset, 4); }), "b/4.png: no good file"));
}

TEST(Folder, OnlyBrokenFilesAreRefused) {
  const TempDir root;
  root.write("0.png", "oops");
  DataConfig config;
  config.skip_bad = true;
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_folder(config, root.path()); }), "0.png"));
  root.write("0.png", encode_png(make_image(4, 4, 3)).substr(0, 60));
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_folder(config, root.path()); }), "none of"));
}

TEST(Folder, AFileThatIsAwayForAMomentIsReadAgain) {
  const TempDir root;
  write_images(root);
  const auto dataset = open_folder(streaming(), root.path());
  const auto file = root.path() / "a/1.png";
  const auto elsewhere = root.path() / "a/1.gone";
  std::filesystem::rename(file, elsewhere);
  std::thread nurse([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    std::filesystem::rename(elsewhere, file);
  });
  EXPECT_EQ(read(*dataset, 1), expected(1));
  nurse.join();
}

TEST(Folder, AFileThatStaysAwayCountsAsBroken) {
  const TempDir root;
  write_images(root);
  DataConfig config = streaming();
  config.skip_bad = true;
  const auto dataset = open_folder(config, root.path());
  std::filesystem::remove(root.path() / "b/3.png");
  EXPECT_EQ(read(*dataset, 3), expected(4));
  ASSERT_EQ(dataset->broken_files().size(), 1U);
  EXPECT_TRUE(contains(dataset->broken_files()[0], "b/3.png: cannot read: No such file"));
}

TEST(Folder, AZipOfImagesReadsAsTheFolder) {
  const TempDir root;
  ZipWriter zip;
  for (int i = 0; i < 6; ++i)
    zip.add((i < 3 ? "a/" : "b/") + std::to_string(i) + ".png", encode_png(make_image(8, 10, 3, i)),
            false);
  zip.add("__MACOSX/a/._0.png", "x", false);
  const auto file = root.write("x.zip", zip.finish());
  for (const DataConfig& config : {DataConfig{}, streaming()}) {
    DataConfig wide = config;
    if (config.memory_limit_gb == 0) wide.memory_limit_gb = 1.3e-6;  // the archive, not its images
    const auto dataset = open_folder(wide, file);
    EXPECT_EQ(dataset->info().class_names, (std::vector<std::string>{"a", "b"}));
    for (int i = 0; i < 6; ++i)
      EXPECT_EQ(read(*dataset, i), expected(i));
  }
}

TEST(Folder, TheFingerprintIsThatOfNamesAndSizes) {
  const TempDir root;
  const TempDir moved;
  write_images(root);
  write_images(moved);
  const auto print = [](const TempDir& folder) {
    return open_folder({}, folder.path())->info().fingerprint;
  };
  const auto before = print(root);
  EXPECT_EQ(print(moved), before);
  std::filesystem::rename(root.path() / "a/1.png", root.path() / "a/1b.png");
  EXPECT_NE(print(root), before);
  moved.write("a/1.png", encode_png(make_image(8, 10, 3, 1), {{"key", "longer"}}));
  EXPECT_NE(print(moved), before);
}

TEST(Folder, AFileIsNoFolder) {
  const TempDir root;
  EXPECT_THROW(open_folder({}, root.write("a.png", "")), DataError);
}

}  // namespace
}  // namespace ddpm
