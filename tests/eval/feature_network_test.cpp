#include "ddpm/eval/feature_network.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/data/image.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

TEST(WeightsHash, DependsOnNamesShapesAndValuesOnly) {
  const auto values = torch::tensor({1.0F, 2.0F, 3.0F, 4.0F});
  const auto hash = weights_hash({{"a", values}});
  EXPECT_EQ(hash.size(), 16U);
  EXPECT_EQ(weights_hash({{"a", values.to(torch::kFloat64)}}), hash);
  EXPECT_EQ(weights_hash({{"a", values.to(torch::kBFloat16)}}), hash);
  EXPECT_NE(weights_hash({{"b", values}}), hash);
  EXPECT_NE(weights_hash({{"a", values.view({2, 2})}}), hash);
  EXPECT_NE(weights_hash({{"a", values + 1}}), hash);
}

TEST(WithChannels, RepeatsGreyAndTakesTheLumaThatImagesAreReadWith) {
  torch::manual_seed(0);
  const auto grey = torch::randint(256, {2, 1, 3, 3}, torch::kUInt8);
  const auto colour = with_channels(grey, 3);
  EXPECT_EQ(colour.size(1), 3);
  EXPECT_TRUE(torch::equal(colour.select(1, 2), grey.select(1, 0)));
  const auto images = torch::randint(256, {1, 3, 4, 5}, torch::kUInt8);
  const auto ours = with_channels(images, 1).contiguous();
  const auto theirs = convert_channels(from_chw(images.data_ptr<uint8_t>(), {4, 5, 3}), 1);
  for (int64_t i = 0; i < ours.numel(); ++i)
    EXPECT_EQ(ours.data_ptr<uint8_t>()[i], theirs.pixels[static_cast<size_t>(i)]);
}

TEST(WithChannels, RefusesOtherImages) {
  const auto images = torch::zeros({1, 4, 2, 2}, torch::kUInt8);
  expect_error<DataError>([&] { with_channels(images, 3); }, "got 4");
}

}  // namespace
}  // namespace ddpm
