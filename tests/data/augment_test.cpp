#include "ddpm/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

using enum AugmentTransform;

/// A grey image after augmentation.
std::vector<float> augmented(const Augmentation& augmentation, int64_t height, int64_t width,
                             std::vector<float> image) {
  augment(augmentation, {.channels = 1, .height = height, .width = width}, image.data());
  return image;
}

/// `count` different values in [-1, 1].
std::vector<float> ramp(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0.0F);
  for (auto& value : values)
    value = 0.1F * value - 0.8F;
  return values;
}

void expect_near(const std::vector<float>& values, const std::vector<float>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 2e-6) << i;
}

AugmentOptions all_transforms(double probability) {
  return {probability, {kFlipX, kFlipY, kScale, kRotate, kStretch, kTranslate}};
}

constexpr auto is_set = [](float label) { return label != 0.0F; };

TEST(Augment, NothingLeavesTheImageAsItIsAndAllLabelsZero) {
  EXPECT_EQ(augmented({}, 3, 4, ramp(12)), ramp(12));
  EXPECT_TRUE(std::ranges::none_of(augment_labels({}), is_set));
}

TEST(Augment, FlipsMovePixelsExactly) {
  const std::vector<float> image{0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F};
  EXPECT_EQ(augmented({.flip_x = true}, 2, 3, image),
            (std::vector<float>{0.3F, 0.2F, 0.1F, 0.6F, 0.5F, 0.4F}));
  EXPECT_EQ(augmented({.flip_y = true}, 3, 2, image),
            (std::vector<float>{0.5F, 0.6F, 0.3F, 0.4F, 0.1F, 0.2F}));
}

TEST(Augment, EachChannelIsTreatedAlike) {
  auto both = ramp(9);
  both.insert(both.end(), both.begin(), both.begin() + 9);
  const Augmentation what{.flip_y = true, .scale = 1.3, .angle = 0.4, .shift_y = -0.7};
  augment(what, {.channels = 2, .height = 3, .width = 3}, both.data());
  const std::vector<float> first(both.begin(), both.begin() + 9);
  EXPECT_EQ(first, augmented(what, 3, 3, ramp(9)));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), both.begin() + 9));
}

TEST(Augment, TurnsCounterclockwise) {
  const auto image = ramp(16);
  std::vector<float> turned;
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 4; ++column)
      turned.push_back(image[column * 4 + 3 - row]);
  expect_near(augmented({.angle = std::numbers::pi / 2}, 4, 4, image), turned);
}

TEST(Augment, MovesRightAndDownAndMirrorsAtTheBorder) {
  expect_near(augmented({.shift_x = 2.0}, 1, 4, {0.1F, 0.2F, 0.3F, 0.4F}),
              {0.2F, 0.1F, 0.2F, 0.3F});
  expect_near(augmented({.shift_y = 4.0}, 4, 1, {0.1F, 0.2F, 0.3F, 0.4F}),
              {0.3F, 0.2F, 0.1F, 0.2F});
}

TEST(Augment, ShrinkingAveragesWhatAPixelCovers) {
  std::vector<float> stripes(64);
  for (size_t i = 0; i < stripes.size(); ++i)
    stripes[i] = i % 2 == 0 ? -1.0F : 1.0F;
  expect_near(augmented({.scale = -5.0}, 8, 8, stripes), std::vector<float>(64, 0.0F));
}

TEST(Augment, StaysWithinTheRangeOfPixels) {
  std::vector<float> edge(64, -1.0F);
  std::fill(edge.begin() + 32, edge.end(), 1.0F);
  const auto turned = augmented({.scale = 2.0, .angle = 0.3, .stretch = 1.0}, 8, 8, edge);
  EXPECT_GE(std::ranges::min(turned), -1.0F);
  EXPECT_LE(std::ranges::max(turned), 1.0F);
  EXPECT_GT(std::ranges::max(turned), 0.9F);
}

/// The numbers of EDM's own pipe.
TEST(Augment, MapAndLabelsAreThoseOfEdm) {
  const Augmentation what{.scale = 1.0,
                          .angle = std::numbers::pi / 6,
                          .stretch = 0.5,
                          .direction = std::numbers::pi / 4,
                          .shift_x = 0.4,
                          .shift_y = -0.2};
  const InverseMap expected{
      {{0.7255355926, -0.3840218151, -1.2845651002}, {0.4886208788, 0.7859258902, -0.1339211072}}};
  const auto map = inverse_map(what, 28, 28);
  for (size_t row = 0; row < 2; ++row)
    for (size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(map[row][i], expected[row][i], 1e-9) << row << " " << i;
  const std::vector<float> labels{0.0F,          0.0F,          1.0F, -0.1339745962F, 0.5F,
                                  0.3535533906F, 0.3535533906F, 0.4F, -0.2F};
  const auto told = augment_labels(what);
  expect_near({told.begin(), told.end()}, labels);
  EXPECT_EQ(augment_labels({.flip_x = true})[0], 1.0F);
  EXPECT_EQ(augment_labels({.flip_y = true})[1], 1.0F);
}

TEST(DrawAugmentation, GivesEachTransformItsShare) {
  constexpr int64_t kDraws = 40'000;
  std::array<double, kAugmentLabels> shares{};
  double untouched = 0;
  for (int64_t place = 0; place < kDraws; ++place) {
    const auto labels = augment_labels(draw_augmentation(all_transforms(0.12), 1, place));
    for (size_t i = 0; i < labels.size(); ++i)
      shares[i] += is_set(labels[i]) ? 1.0 / kDraws : 0.0;
    untouched += std::none_of(labels.begin() + 1, labels.end(), is_set) ? 1.0 / kDraws : 0.0;
  }
  EXPECT_NEAR(shares[0], 0.5, 0.01);
  EXPECT_NEAR(shares[1], 0.06, 0.006);
  for (const size_t i : {2, 3, 4, 5, 7, 8})
    EXPECT_NEAR(shares[i], 0.12, 0.008) << i;
  EXPECT_NEAR(shares[6], 0.06, 0.006);  // half of the stretches go to the right
  EXPECT_NEAR(untouched, 0.94 * std::pow(0.88, 4), 0.012);
}

TEST(DrawAugmentation, SizesAreNormalAndAnglesUniform) {
  constexpr int64_t kDraws = 20'000;
  double squares = 0;
  double cosines = 0;
  for (int64_t place = 0; place < kDraws; ++place) {
    const auto drawn = draw_augmentation(all_transforms(1.0), 2, place);
    squares += (drawn.scale * drawn.scale + drawn.stretch * drawn.stretch +
                drawn.shift_x * drawn.shift_x + drawn.shift_y * drawn.shift_y) /
               (4.0 * kDraws);
    cosines += std::cos(drawn.angle) / kDraws;
    EXPECT_LE(std::abs(drawn.angle), std::numbers::pi);
  }
  EXPECT_NEAR(squares, 1.0, 0.02);
  EXPECT_NEAR(cosines, 0.0, 0.02);
}

TEST(DrawAugmentation, LeavesOutWhatIsNotAskedFor) {
  for (int64_t place = 0; place < 200; ++place) {
    const auto all = draw_augmentation(all_transforms(0.5), 3, place);
    const auto two = draw_augmentation({0.5, {kFlipX, kScale}}, 3, place);
    EXPECT_EQ(augment_labels(two), augment_labels({.flip_x = all.flip_x, .scale = all.scale}));
    EXPECT_EQ(augment_labels(draw_augmentation(all_transforms(0.0), 3, place)), augment_labels({}));
  }
}

}  // namespace
}  // namespace ddpm
