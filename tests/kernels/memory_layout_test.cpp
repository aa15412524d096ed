// Compilers test at run time whether arrays overlap, take two that merely touch for such, and then
// run a second form of the loop, which rounds otherwise. Then a result would depend on where the
// allocator put its tensors.
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/kernels/adam_loops.h"
#include "ddpm/kernels/group_norm_loops.h"

namespace ddpm {
namespace {

using Values = std::vector<float>;

Values random_values(size_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Values values(count);
  for (float& value : values)
    value = normal(engine);
  return values;
}

Values joined(const std::vector<Values>& parts) {
  Values all;
  for (const auto& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// The heap in disorder: blocks of random sizes, some of them given back.
class Disorder {
 public:
  explicit Disorder(uint32_t seed) : engine_(seed) {}

  void grow() {
    for (int i = 0; i < 8; ++i)
      blocks_.emplace_back(engine_() % 300 + 1);
    for (int i = 0; i < 4; ++i)
      blocks_.erase(blocks_.begin() + static_cast<int64_t>(engine_() % blocks_.size()));
  }

 private:
  std::mt19937 engine_;
  std::vector<Values> blocks_;
};

constexpr int kLayouts = 1000;

struct NormCase {
  int64_t pixels;
  int64_t channels;
  bool silu;
};

Values norm_results(const NormCase& shape) {
  const auto channels = static_cast<size_t>(shape.channels);
  const auto weight = random_values(channels, 1);
  const auto bias = random_values(channels, 2);
  const GroupNormImage image{.pixels = shape.pixels,
                             .channels = shape.channels,
                             .groups = 4,
                             .silu = shape.silu,
                             .weight = weight.data(),
                             .bias = bias.data()};
  const size_t size = static_cast<size_t>(shape.pixels) * channels;
  const auto x = random_values(size, 3);
  float mean[4];
  float rstd[4];
  Values y(size);
  group_norm_statistics(image, x.data(), mean, rstd);
  group_norm_apply(image, x.data(), mean, rstd, y.data());
  const auto dy = random_values(size, 4);
  Values dx(size);
  Values dweight(channels);
  Values dbias(channels);
  group_norm_backward(image, x.data(), dy.data(), mean, rstd, dx.data(),
                      {.weight = dweight.data(), .bias = dbias.data()});
  return joined({y, dx, dweight, dbias});
}

class GroupNormInMemory : public testing::TestWithParam<NormCase> {};

TEST_P(GroupNormInMemory, GivesTheSameBitsWhereverItsTensorsLie) {
  const auto expected = norm_results(GetParam());
  Disorder disorder(5);
  for (int i = 0; i < kLayouts; ++i) {
    disorder.grow();
    ASSERT_EQ(norm_results(GetParam()), expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GroupNormInMemory,
                         testing::Values(NormCase{4, 8, true}, NormCase{4, 8, false},
                                         NormCase{9, 20, true}, NormCase{16, 16, true},
                                         NormCase{16, 32, true}, NormCase{16, 32, false},
                                         NormCase{25, 52, true}));

Values adam_results(size_t size) {
  auto weights = random_values(size, 1);
  auto exp_avg = random_values(size, 2);
  auto exp_avg_sq = Values(size, 0.5F);
  auto ema = random_values(size, 3);
  const auto gradients = random_values(size, 4);
  adam_range({.weights = weights.data(),
              .exp_avg = exp_avg.data(),
              .exp_avg_sq = exp_avg_sq.data(),
              .ema = ema.data(),
              .bf16_weights = nullptr,
              .count = static_cast<int64_t>(size)},
             gradients.data(),
             {.gradient = 0.37F,
              .decay = 0.99F,
              .l2 = 0.013F,
              .new_first = 0.1F,
              .new_second = 0.003F,
              .root = 1.7F,
              .rate = 0.03F,
              .new_ema = 0.07F});
  return joined({weights, exp_avg, exp_avg_sq, ema});
}

TEST(AdamInMemory, GivesTheSameBitsWhereverItsTensorsLie) {
  for (const size_t size : {5, 64, 129}) {
    const auto expected = adam_results(size);
    Disorder disorder(6);
    for (int i = 0; i < kLayouts; ++i) {
      disorder.grow();
      ASSERT_EQ(adam_results(size), expected) << size << " " << i;
    }
  }
}

}  // namespace
}  // namespace ddpm
