#include "ddpm/eval/kernel_distance.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TEST(SquaredMmd, IsTheUnbiasedEstimate) {
  const auto a = torch::tensor({{0.0}, {1.0}});  // kernels: 1 within
  const auto b = torch::tensor({{1.0}, {2.0}});  // 27 within; 1, 1, 8, 27 between
  EXPECT_NEAR(squared_mmd(a, b), 1 + 27 - 2 * 37.0 / 4, 1e-12);
}

TEST(KernelDistance, AgreesWithTorchFidelityOnTheSameSubsets) {
  const auto golden = load_safetensors(test_data("eval/golden.safetensors"));
  const auto values = load_json(test_data("eval/golden.json"));
  std::vector<SubsetPair> subsets;
  const auto& mine = golden.at("metrics.generated_subsets");
  for (int64_t i = 0; i < mine.size(0); ++i)
    subsets.push_back({mine[i], golden.at("metrics.reference_subsets")[i]});
  const auto distance =
      kernel_distance(golden.at("metrics.generated"), golden.at("metrics.reference"), subsets);
  EXPECT_NEAR(distance.mean / values.at("kernel_mean").get<double>(), 1, 1e-6);
  EXPECT_NEAR(distance.deviation / values.at("kernel_deviation").get<double>(), 1, 1e-6);
}

TEST(KernelDistance, IsNearZeroWithinADistributionAndFarFromZeroBetweenTwo) {
  torch::manual_seed(0);
  const auto a = torch::randn({400, 8});
  const auto b = torch::randn({300, 8});
  const KernelDistanceOptions options{.subsets = 20, .subset_size = 100, .seed = 1};
  EXPECT_NEAR(kernel_distance(a, b, options).mean, 0, 0.05);
  EXPECT_GT(kernel_distance(a, b + 1, options).mean, 1);
}

TEST(KernelDistance, IsAFunctionOfItsSeed) {
  torch::manual_seed(0);
  const auto a = torch::randn({40, 3});
  const auto b = torch::randn({50, 3});
  const auto mean = [&](uint64_t seed) {
    return kernel_distance(a, b, {.subsets = 3, .subset_size = 20, .seed = seed}).mean;
  };
  EXPECT_EQ(mean(5), mean(5));
  EXPECT_NE(mean(5), mean(6));
}

TEST(KernelDistance, RefusesTooFewImagesAndOtherDimensions) {
  const auto a = torch::zeros({10, 3});
  const KernelDistanceOptions options{.subsets = 1, .subset_size = 11, .seed = 0};
  expect_error<DataError>([&] { kernel_distance(a, a, options); }, "at least 11 images");
  expect_error<DataError>(
      [&] {
        kernel_distance(a, torch::zeros({10, 4}), KernelDistanceOptions());
      },
      "4 dimensions, got 3");
  expect_error<UserError>([&] { kernel_distance(a, a, KernelDistanceOptions{.subsets = 0}); },
                          "got 0 of 1000");
}

}  // namespace
}  // namespace ddpm
