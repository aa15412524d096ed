#include "ddpm/model/conditioning.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace ddpm {
namespace {

Conditioning three_rows() {
  return {.labels = torch::tensor({5, 6, 7}),
          .image = torch::arange(12.0F).view({3, 1, 2, 2}),
          .augment = torch::arange(6.0F).view({3, 2})};
}

TEST(Conditioning, CountsTheRowsOfWhatIsThere) {
  EXPECT_EQ(Conditioning{}.rows(), 0);
  EXPECT_EQ(three_rows().rows(), 3);
  EXPECT_THROW((Conditioning{torch::zeros({3}), torch::zeros({2, 1, 1, 1})}.rows()), c10::Error);
}

TEST(Conditioning, TakesRowsOfEveryTensorAlike) {
  const auto part = three_rows().narrow(1, 2);
  EXPECT_TRUE(torch::equal(part.labels, torch::tensor({6, 7})));
  EXPECT_EQ(part.image[0][0][0][0].item<float>(), 4.0F);
  EXPECT_FALSE(part.level.defined());
  const auto picked = three_rows().index_select(torch::tensor({2, 0, 2}));
  EXPECT_TRUE(torch::equal(picked.labels, torch::tensor({7, 5, 7})));
  EXPECT_EQ(picked.image[1][0][0][0].item<float>(), 0.0F);
  EXPECT_EQ(picked.augment[0][0].item<float>(), 4.0F);
}

TEST(Conditioning, PutsTheRowsOfTwoBehindEachOther) {
  const auto both = cat(three_rows(), three_rows().narrow(0, 1));
  EXPECT_TRUE(torch::equal(both.labels, torch::tensor({5, 6, 7, 5})));
  EXPECT_EQ(both.image.sizes(), (std::vector<int64_t>{4, 1, 2, 2}));
  EXPECT_EQ(both.augment.sizes(), (std::vector<int64_t>{4, 2}));
  EXPECT_THROW(cat(three_rows(), Conditioning{.labels = torch::tensor({1})}), c10::Error);
}

TEST(Conditioning, CopiesIntoTheFirstRowsInPlace) {
  auto target = three_rows().clone();
  const auto labels = target.labels;
  target.copy_({.labels = torch::tensor({9}),
                .image = torch::ones({1, 1, 2, 2}),
                .augment = torch::zeros({1, 2})});
  EXPECT_TRUE(torch::equal(labels, torch::tensor({9, 6, 7})));
  EXPECT_EQ(target.image.sum().item<float>(), 4.0F + 60.0F);
}

}  // namespace
}  // namespace ddpm
