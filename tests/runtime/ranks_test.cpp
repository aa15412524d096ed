#include "ddpm/runtime/ranks.h"

#include <array>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/thread_ranks.h"

namespace ddpm {
namespace {

TEST(SingleRank, LeadsAndAgreesWithItself) {
  const auto tensor = torch::tensor({1.0F, 2.0F});
  std::array<double, 2> numbers{3.0, -1.0};
  single_rank().sum(tensor);
  single_rank().agree(numbers);
  EXPECT_TRUE(single_rank().leads());
  EXPECT_EQ(single_rank().size(), 1);
  EXPECT_TRUE(torch::equal(tensor, torch::tensor({1.0F, 2.0F})));
  EXPECT_EQ(numbers, (std::array<double, 2>{3.0, -1.0}));
}

TEST(Ranks, SumAndAgreeAtAllOfThem) {
  std::array<float, 3> sums{};
  std::array<double, 3> highest{};
  ThreadRanks(3).run([&](Ranks& ranks) {
    const auto i = static_cast<size_t>(ranks.rank());
    const auto tensor = torch::full({}, static_cast<float>(i + 1));
    std::array<double, 1> number{i == 1 ? 7.0 : -1.0};
    ranks.sum(tensor);
    ranks.agree(number);
    sums[i] = tensor.item<float>();
    highest[i] = number[0];
  });
  EXPECT_EQ(sums, (std::array<float, 3>{6, 6, 6}));
  EXPECT_EQ(highest, (std::array<double, 3>{7, 7, 7}));
}

TEST(Ranks, GatherPutsTheRowsOfAllSideBySide) {
  const auto own = torch::tensor({{1, 2}, {3, 4}});
  EXPECT_TRUE(torch::equal(gather(single_rank(), own), own.view({2, 1, 2})));
  ThreadRanks(2).run([&](Ranks& ranks) {
    const auto all = gather(ranks, own + 10 * ranks.rank());
    EXPECT_TRUE(torch::equal(all.flatten(), torch::tensor({1, 2, 11, 12, 3, 4, 13, 14})));
  });
}

TEST(Ranks, AnErrorOfOneEndsTheOthers) {
  const auto fail = [](Ranks& ranks) {
    ranks.sum(torch::ones({}));
    if (ranks.rank() == 1) throw std::invalid_argument("rank 1");
    ranks.sum(torch::ones({}));
  };
  EXPECT_THROW(ThreadRanks(3).run(fail), std::invalid_argument);
}

}  // namespace
}  // namespace ddpm
