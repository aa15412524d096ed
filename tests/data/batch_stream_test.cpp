#include "ddpm/data/batch_stream.h"

#include <set>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

std::vector<Batch> batches(const BatchOptions& options, int64_t first, int64_t count) {
  const NoiseDataset dataset(10);
  BatchStream stream(dataset, options, first);
  std::vector<Batch> list;
  for (int64_t i = 0; i < count; ++i)
    list.push_back(stream.next());
  return list;
}

TEST(BatchStream, IsTheSameForAnyNumberOfWorkersAndAnyStart) {
  const auto one = batches({.batch_size = 4, .flip = true, .seed = 1, .workers = 1}, 0, 12);
  const auto five = batches({.batch_size = 4, .flip = true, .seed = 1, .workers = 5}, 0, 12);
  const auto later = batches({.batch_size = 4, .flip = true, .seed = 1, .workers = 2}, 7, 5);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_TRUE(torch::equal(one[i].x, five[i].x)) << i;
    EXPECT_TRUE(torch::equal(one[i].labels, five[i].labels)) << i;
  }
  for (size_t i = 7; i < 12; ++i)
    EXPECT_TRUE(torch::equal(one[i].x, later[i - 7].x)) << i;
}

TEST(BatchStream, ShowsEveryImageOnceAnEpoch) {
  const auto list = batches({.batch_size = 5, .seed = 3}, 0, 4);
  for (size_t epoch = 0; epoch < 2; ++epoch) {
    std::set<double> sums;
    for (size_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 5; ++j)
        sums.insert(list[2 * epoch + i].x[j].to(torch::kFloat64).sum().item<double>());
    EXPECT_EQ(sums.size(), 10U);
  }
  EXPECT_FALSE(torch::equal(list[0].x, list[2].x));
}

TEST(BatchStream, PixelsLieInMinusOneToOne) {
  const auto images = batches({.batch_size = 10}, 0, 1)[0].x;
  EXPECT_FLOAT_EQ(images.min().item<float>(), -1.0F);
  EXPECT_FLOAT_EQ(images.max().item<float>(), 1.0F);
}

TEST(BatchStream, FlipsAboutHalfOfTheImages) {
  const NoiseDataset dataset(1);
  BatchStream stream(dataset, {.batch_size = 1000, .flip = true}, 0);
  const auto images = stream.next().x;
  const auto same = (images - images[0]).abs().amax({1, 2, 3}) == 0;
  EXPECT_NEAR(same.to(torch::kFloat64).mean().item<double>(), 0.5, 0.06);
  const auto mirrored = (images - images[0].flip(2)).abs().amax({1, 2, 3}) == 0;
  EXPECT_TRUE((same | mirrored).all().item<bool>());
}

TEST(BatchStream, WithAStrideGivesEverySoManyThBatch) {
  const auto all = batches({.batch_size = 4, .flip = true, .seed = 1}, 0, 12);
  const auto some = batches({.batch_size = 4, .stride = 3, .flip = true, .seed = 1}, 2, 4);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_TRUE(torch::equal(some[i].x, all[2 + 3 * i].x)) << i;
}

class BrokenDataset : public NoiseDataset {
 public:
  BrokenDataset() : NoiseDataset(10) {}
  void read(int64_t, uint8_t*) const override { throw DataError("image 7: broken"); }
};

TEST(BatchStream, ErrorsOfTheDatasetComeOutOfNext) {
  const BrokenDataset dataset;
  BatchStream stream(dataset, {.batch_size = 2}, 0);
  EXPECT_THROW(stream.next(), DataError);
}

}  // namespace
}  // namespace ddpm
