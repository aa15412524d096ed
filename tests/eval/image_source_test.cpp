#include "ddpm/eval/image_source.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/training.h"

namespace ddpm {
namespace {

std::shared_ptr<const Dataset> noise_data(int64_t images) {
  return std::make_shared<NoiseDataset>(images);
}

TEST(DatasetImages, GiveImagesAndLabelsInOrder) {
  DatasetImages images(noise_data(10), "noise");
  const auto batch = images.read(4, 3);
  EXPECT_EQ(batch.images.sizes(), (std::vector<int64_t>{3, 1, 8, 8}));
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{1, 2, 0}));
  EXPECT_TRUE(batch.images[1].equal(images.read(5, 1).images[0]));
}

TEST(DatasetImages, ARandomPartIsTheSameEveryTime) {
  DatasetImages a(noise_data(100), "noise", 20);
  DatasetImages b(noise_data(100), "noise", 20);
  EXPECT_EQ(a.info().images, 20);
  EXPECT_TRUE(a.read(0, 20).images.equal(b.read(0, 20).images));
  DatasetImages all(noise_data(100), "noise");
  EXPECT_FALSE(a.read(0, 20).images.equal(all.read(0, 20).images));
}

TEST(DatasetImages, IdentityIsThatOfTheContent) {
  DatasetImages a(noise_data(10), "one name");
  DatasetImages b(noise_data(10), "another");
  DatasetImages c(noise_data(11), "one name");
  EXPECT_EQ(a.identity(), b.identity());
  EXPECT_NE(a.identity(), c.identity());
}

TEST(NoiseImages, AreUniformAndDoNotDependOnTheBatch) {
  NoiseImages noise({.channels = 3, .height = 16, .width = 16}, 50);
  const auto all = noise.read(0, 50).images;
  EXPECT_TRUE(all.narrow(0, 7, 2).equal(noise.read(7, 2).images));
  const auto values = all.to(torch::kFloat64);
  EXPECT_NEAR(values.mean().item<double>(), 127.5, 1.0);
  EXPECT_NEAR(values.std().item<double>(), 73.9, 1.0);
  EXPECT_EQ(all.max().item<int>(), 255);
}

}  // namespace
}  // namespace ddpm
