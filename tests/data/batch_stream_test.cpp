#include "ddpm/data/batch_stream.h"

#include <set>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

std::vector<Batch> batches(const BatchOptions& options, int64_t first, int64_t count) {
  const NoiseData data(10);
  BatchStream stream(data, options, first);
  std::vector<Batch> list;
  for (int64_t i = 0; i < count; ++i)
    list.push_back(stream.next());
  return list;
}

TEST(BatchStream, IsTheSameForAnyNumberOfWorkersAndAnyStart) {
  const auto one = batches({.batch_size = 4, .seed = 1, .workers = 1}, 0, 12);
  const auto five = batches({.batch_size = 4, .seed = 1, .workers = 5}, 0, 12);
  const auto later = batches({.batch_size = 4, .seed = 1, .workers = 2}, 7, 5);
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

TEST(BatchStream, WithAStrideGivesEverySoManyThBatch) {
  const auto all = batches({.batch_size = 4, .seed = 1}, 0, 12);
  const auto some = batches({.batch_size = 4, .stride = 3, .seed = 1}, 2, 4);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_TRUE(torch::equal(some[i].x, all[2 + 3 * i].x)) << i;
}

TEST(BatchStream, TellsHowEachImageWasAugmented) {
  ImageDataOptions options;
  options.augment = {1.0, {AugmentTransform::kRotate}};
  const ImageData data(std::make_shared<NoiseDataset>(10), options);
  BatchStream stream(data, {.batch_size = 4, .workers = 3}, 5);
  const auto batch = stream.next();
  ASSERT_EQ(batch.augment.sizes(), (std::vector<int64_t>{4, kAugmentLabels}));
  for (int64_t i = 0; i < 4; ++i) {
    std::array<float, kAugmentLabels> labels{};
    data.fill_augment_labels(20 + i, labels.data());
    EXPECT_TRUE(batch.augment[i].equal(torch::tensor(at::ArrayRef<float>(labels))));
  }
  EXPECT_FALSE(batches({.batch_size = 4}, 0, 1).front().augment.defined());
}

class BrokenData : public NoiseData {
 public:
  BrokenData() : NoiseData(10) {}
  void fill(int64_t, int64_t, float*) const override { throw DataError("image 7: broken"); }
};

TEST(BatchStream, ErrorsOfTheDataComeOutOfNext) {
  const BrokenData data;
  BatchStream stream(data, {.batch_size = 2}, 0);
  EXPECT_THROW(stream.next(), DataError);
}

}  // namespace
}  // namespace ddpm
