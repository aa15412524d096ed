#include "ddpm/util/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(Philox, GivesTheAuthorsKnownAnswers) {  // kat_vectors of Random123
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t all = 0xffffffff;
  EXPECT_EQ(philox4x32({all, all, all, all}, {all, all}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, NormalNumbersHaveTheRightMoments) {
  std::vector<float> x(200'000);
  fill_normal({1, RandomPurpose::kTrainingNoise, 0}, x);
  double sum = 0, squares = 0, fourth = 0;
  for (const double v : x) {
    sum += v;
    squares += v * v;
    fourth += v * v * v * v;
  }
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.015);
  EXPECT_NEAR(fourth / n, 3, 0.1);
}

TEST(Random, ElementsDoNotDependOnTheLength) {
  const RandomKey key{5, RandomPurpose::kInitialNoise, 9};
  std::vector<float> longer(11);
  std::vector<float> shorter(6);
  fill_normal(key, longer);
  fill_normal(key, shorter);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(Random, RowsAreThoseOfTheirKeys) {
  const std::vector<RandomKey> keys{{1, RandomPurpose::kInitialNoise, 5},
                                    {2, RandomPurpose::kInitialNoise, 5}};
  std::vector<float> rows(14);
  std::vector<float> alone(7);
  fill_normal_rows(keys, rows);
  fill_normal(keys[1], alone);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), rows.begin() + 7));
  fill_uniform_rows(keys, -1.0F, 1.0F, rows);
  fill_uniform(keys[1], -1.0F, 1.0F, alone);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), rows.begin() + 7));
}

TEST(Random, SeedPurposeAndIndexAllMatter) {
  const RandomKey key{5, RandomPurpose::kFlip, 9};
  EXPECT_NE(random_bits(key), random_bits({6, RandomPurpose::kFlip, 9}));
  EXPECT_NE(random_bits(key), random_bits({5, RandomPurpose::kShuffle, 9}));
  EXPECT_NE(random_bits(key), random_bits({5, RandomPurpose::kFlip, 10}));
  EXPECT_NE(random_bits(key), random_bits({5ULL | 1ULL << 40, RandomPurpose::kFlip, 9}));
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  std::vector<int> seen(7, 0);
  for (uint64_t i = 0; i < 7000; ++i)
    ++seen.at(static_cast<size_t>(random_below({0, RandomPurpose::kTimestep, i}, 7)));
  EXPECT_GT(*std::ranges::min_element(seen), 850);
  EXPECT_LT(*std::ranges::max_element(seen), 1150);
}

TEST(Random, PermutationHoldsEveryNumberOnce) {
  auto order = random_permutation({3, RandomPurpose::kShuffle, 1}, 1000);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  std::ranges::sort(order);
  for (int64_t i = 0; i < 1000; ++i)
    ASSERT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Random, UniformNumbersStayInTheirRange) {
  std::vector<float> x(10'000);
  fill_uniform({1, RandomPurpose::kInitialWeights, 0}, -0.25F, 0.75F, x);
  EXPECT_GE(*std::ranges::min_element(x), -0.25F);
  EXPECT_LT(*std::ranges::max_element(x), 0.75F);
  EXPECT_NEAR(std::accumulate(x.begin(), x.end(), 0.0) / 10'000, 0.25, 0.02);
}

}  // namespace
}  // namespace ddpm
