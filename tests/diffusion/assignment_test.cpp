#include "ddpm/diffusion/assignment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "ddpm/util/random.h"

namespace ddpm {
namespace {

double cost_of(const std::vector<double>& costs, const std::vector<int64_t>& columns) {
  double sum = 0.0;
  for (size_t i = 0; i < columns.size(); ++i)
    sum += costs[i * columns.size() + static_cast<size_t>(columns[i])];
  return sum;
}

TEST(CheapestAssignment, FindsThePublishedPairs) {
  const std::vector<float> noise{-1.2F, 0.3F, 0.4F, 1.1F, 0.9F, -0.7F, -0.2F, -1.5F};
  const std::vector<float> images{1, 1, -1, -1, 1, -1, -1, 1};
  const auto costs = squared_distances(noise, images, 2);
  const auto pairs = cheapest_assignment(costs, 4);
  EXPECT_EQ(pairs, (std::vector<int64_t>{3, 0, 2, 1}));
  EXPECT_NEAR(cost_of(costs, pairs), 1.89, 1e-6);
  EXPECT_NEAR(cost_of(costs, {0, 1, 2, 3}), 18.69, 1e-6);
}

TEST(CheapestAssignment, IsAsCheapAsTheBestOfAllPermutations) {
  constexpr size_t kSize = 6;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::vector<double> costs(kSize * kSize);
    for (size_t i = 0; i < costs.size(); ++i)
      costs[i] = std::floor(20 * random_uniform({seed, RandomPurpose::kShuffle, i})) - 8;
    std::vector<int64_t> order(kSize);
    std::iota(order.begin(), order.end(), int64_t{0});
    double best = cost_of(costs, order);
    while (std::ranges::next_permutation(order).found)
      best = std::min(best, cost_of(costs, order));
    auto pairs = cheapest_assignment(costs, kSize);
    EXPECT_DOUBLE_EQ(cost_of(costs, pairs), best) << seed;
    std::ranges::sort(pairs);
    EXPECT_EQ(std::ranges::adjacent_find(pairs), pairs.end());
  }
}

}  // namespace
}  // namespace ddpm
