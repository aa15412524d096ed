#include "ddpm/data/image_data.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/data/memory_dataset.h"

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

}  // namespace
}  // namespace ddpm
