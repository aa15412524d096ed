#include "ddpm/data/image_data.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/data/memory_dataset.h"
#include "ddpm/data/pixels.h"

namespace ddpm {
namespace {

std::shared_ptr<const Dataset> one_image(const std::vector<uint8_t>& row) {
  DatasetInfo info;
  info.where = "memory";
  info.images = 1;
  info.channels = 1;
  info.height = 1;
  info.width = static_cast<int64_t>(row.size());
  info.num_classes = 4;
  return std::make_shared<MemoryDataset>(info, row, std::vector<int64_t>{3});
}

TEST(ImageData, PixelsLieInMinusOneToOne) {
  const ImageData data(one_image({0, 51, 255}));
  std::vector<float> values(3);
  data.fill(0, 0, values.data());
  EXPECT_FLOAT_EQ(values[0], -1.0F);
  EXPECT_FLOAT_EQ(values[1], -0.6F);
  EXPECT_FLOAT_EQ(values[2], 1.0F);
}

TEST(ImageData, HasTheFormOfItsDataset) {
  const ImageData data(one_image({0, 51, 255}));
  EXPECT_EQ(data.spec().kind, SampleKind::kImage);
  EXPECT_EQ(data.spec().numel(), 3);
  EXPECT_EQ(data.spec().num_classes, 4);
  EXPECT_EQ(data.size(), 1);
  EXPECT_EQ(data.label(0), 3);
  EXPECT_EQ(data.where(), "memory");
}

TEST(ImageData, MirrorsAboutHalfOfTheImagesByTheirPlace) {
  const ImageData data(one_image({0, 51, 255}), {.flip = true, .seed = 5});
  const std::vector<float> plain{-1.0F, -0.6F, 1.0F};
  int64_t mirrored = 0;
  for (int64_t place = 0; place < 1000; ++place) {
    std::vector<float> values(3);
    std::vector<float> again(3);
    data.fill(0, place, values.data());
    data.fill(0, place, again.data());
    EXPECT_EQ(values, again);
    if (values[0] > 0) ++mirrored;
  }
  EXPECT_NEAR(static_cast<double>(mirrored), 500, 60);
}

TEST(ImageData, AugmentsAndTellsHowByTheImagesPlace) {
  ImageDataOptions options;
  options.seed = 5;
  options.augment = {0.5, {AugmentTransform::kFlipX, AugmentTransform::kTranslate}};
  const ImageData data(one_image({0, 51, 255}), options);
  ASSERT_EQ(data.augment_labels(), kAugmentLabels);
  for (int64_t place = 0; place < 50; ++place) {
    const auto drawn = draw_augmentation(options.augment, 5, place);
    std::vector<float> expected{pixel_to_unit(0), pixel_to_unit(51), pixel_to_unit(255)};
    augment(drawn, data.spec(), expected.data());
    std::vector<float> values(3);
    data.fill(0, place, values.data());
    EXPECT_EQ(values, expected);
    std::array<float, kAugmentLabels> labels{};
    data.fill_augment_labels(place, labels.data());
    EXPECT_EQ(labels, augment_labels(drawn));
  }
}

TEST(ImageData, TellsNothingOfImagesAsTheyAre) {
  EXPECT_EQ(ImageData(one_image({0, 51, 255}), {.flip = true}).augment_labels(), 0);
}

TEST(TrainingImages, AreAugmentedAsTheSettingsSay) {
  Config config;
  EXPECT_EQ(training_images(one_image({0, 51, 255}), config).augment_labels(), 0);
  config.train.augment = 1.0;
  config.train.augment_transforms = {"translate"};
  const auto data = training_images(one_image({0, 51, 255}), config);
  std::array<float, kAugmentLabels> labels{};
  data.fill_augment_labels(0, labels.data());
  EXPECT_TRUE(std::all_of(labels.begin(), labels.begin() + 7, [](float x) { return x == 0; }));
  EXPECT_NE(labels[7], 0.0F);
}

}  // namespace
}  // namespace ddpm
