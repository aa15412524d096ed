#include "ddpm/data/memory_dataset.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

StoredImages stored(int64_t count, const ImageSize& size) {
  const auto image = [size](int64_t i) {
    return make_image(size.height, size.width, size.channels, static_cast<int>(i));
  };
  return {count, size, image, {}};
}

std::vector<uint8_t> all_pixels(const Dataset& dataset) {
  const DatasetInfo& info = dataset.info();
  const int64_t bytes = info.channels * info.height * info.width;
  std::vector<uint8_t> pixels(static_cast<size_t>(info.images * bytes));
  for (int64_t i = 0; i < info.images; ++i) {
    dataset.read(i, pixels.data() + i * bytes);
  }
  return pixels;
}

TEST(MemoryDataset, SizesMustAgree) {
  DatasetInfo info;
  info.images = 2;
  info.channels = info.height = info.width = 1;
  EXPECT_EQ(MemoryDataset(info, {1, 2}, {}).label(1), -1);
  EXPECT_THROW(MemoryDataset(info, {1, 2, 3}, {}), std::invalid_argument);
  EXPECT_THROW(MemoryDataset(info, {1, 2}, {0}), std::invalid_argument);
}

TEST(MemoryDataset, NumbersBeyondTheEndAreCaught) {
  const auto dataset = keep_in_memory({}, stored(2, {2, 2, 1}), {});
  uint8_t pixels[4];
  EXPECT_THROW(dataset->read(2, pixels), std::out_of_range);
  EXPECT_THROW(dataset->read(-1, pixels), std::out_of_range);
}

TEST(MemoryDataset, ImagesAreKeptAsStored) {
  const auto dataset = keep_in_memory({}, stored(3, {4, 6, 3}), {});
  std::vector<uint8_t> chw(72);
  to_chw(make_image(4, 6, 3, 2), chw.data());
  const auto pixels = all_pixels(*dataset);
  EXPECT_EQ(std::vector<uint8_t>(pixels.begin() + 144, pixels.end()), chw);
}

TEST(MemoryDataset, SizeAndChannelsAreBroughtToTheSettings) {
  DataConfig config;
  config.image_size = {8, 12};
  config.channels = 1;
  const auto dataset = keep_in_memory({}, stored(2, {16, 16, 3}), config);
  EXPECT_EQ(dataset->info().height, 8);
  EXPECT_EQ(dataset->info().width, 12);
  EXPECT_EQ(dataset->info().channels, 1);
  EXPECT_EQ(all_pixels(*dataset).size(), 192U);
}

TEST(MemoryDataset, TheNumberOfThreadsDoesNotMatter) {
  DataConfig config;
  config.image_size = {9};
  config.workers = 1;
  const auto alone = all_pixels(*keep_in_memory({}, stored(40, {16, 20, 3}), config));
  config.workers = 7;
  EXPECT_EQ(all_pixels(*keep_in_memory({}, stored(40, {16, 20, 3}), config)), alone);
}

TEST(MemoryDataset, TooMuchMemoryIsRefused) {
  DataConfig config;
  config.image_size = {1000};
  config.memory_limit_gb = 0.001;
  EXPECT_TRUE(contains(error_of<DataError>([&] {
                         keep_in_memory({}, stored(2, {4, 4, 1}), config);
                       }),
                       "raise data.memory_limit_gb"));
}

TEST(MemoryDataset, SidesThatNoImageHasAreADataError) {
  DataConfig config;
  config.image_size = {4};
  DatasetInfo info;
  info.where = "a.npz";
  EXPECT_EQ(error_of<DataError>([&] {
              keep_in_memory(info, stored(1, {1, 70000, 1}), config);
            }),
            "a.npz: expected images with sides up to 65535, got 1 x 70000");
}

TEST(MemoryDataset, SettingsThatAreNoSizesAreRefused) {
  for (const std::vector<int64_t>& size : {std::vector<int64_t>{0}, {-3}, {1, 2, 3}, {70000}}) {
    DataConfig config;
    config.image_size = size;
    EXPECT_THROW(wanted_size(config, {4, 4, 1}), UserError);
  }
  DataConfig config;
  config.channels = 2;
  EXPECT_THROW(wanted_size(config, {4, 4, 1}), UserError);
}

}  // namespace
}  // namespace ddpm
