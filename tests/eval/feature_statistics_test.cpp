#include "ddpm/eval/feature_statistics.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/data/npy.h"
#include "tests/support/expect_error.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(StatisticsAccumulator, EqualsTheCovarianceOfAllRowsWhateverTheBatches) {
  torch::manual_seed(0);
  const auto features = torch::matmul(torch::randn({100, 6}), torch::randn({6, 6}));
  StatisticsAccumulator accumulator(6);
  for (const auto& rows : features.split(7))
    accumulator.add(rows);
  const auto statistics = accumulator.statistics();
  const auto x = features.to(torch::kFloat64);
  EXPECT_EQ(statistics.count, 100);
  EXPECT_TRUE(torch::allclose(statistics.mean, x.mean(0), 0, 1e-12));
  EXPECT_TRUE(torch::allclose(statistics.covariance, torch::cov(x.t()), 0, 1e-12));
}

TEST(StatisticsAccumulator, LosesNoDigitsFarFromTheOrigin) {
  torch::manual_seed(0);
  const auto x = torch::randn({50, 3}, torch::kFloat64);
  const auto far = feature_statistics(x + 1e7).covariance;
  EXPECT_TRUE(torch::allclose(far, feature_statistics(x).covariance, 0, 1e-7));
}

TEST(StatisticsAccumulator, RefusesTooFewAndBrokenVectors) {
  StatisticsAccumulator accumulator(2);
  accumulator.add(torch::zeros({1, 2}));
  expect_error<DataError>([&] { accumulator.statistics(); }, "at least 2 images");
  const auto broken = torch::full({1, 2}, std::numeric_limits<float>::quiet_NaN());
  expect_error<DataError>([&] { accumulator.add(broken); }, "NaN");
}

TEST(StatisticsAccumulator, RefusesADamagedState) {
  StatisticsAccumulator accumulator(2);
  accumulator.add(torch::randn({5, 2}));
  const auto refused = [&](const std::string& name, const torch::Tensor& value) {
    auto state = accumulator.state();
    state[name] = value;
    StatisticsAccumulator other(2);
    expect_error<DataError>([&] { other.load_state(state); }, "interrupted statistics: ");
    EXPECT_TRUE(other.state().empty());
  };
  refused("count", torch::tensor({int64_t{-5}}));
  refused("count", torch::tensor({5.0}));
  refused("sum", torch::zeros({2}, torch::kInt64));
  refused("products", torch::full({2, 2}, std::nan(""), torch::kFloat64));
  refused("origin", torch::zeros({3}, torch::kFloat64));
}

TEST(FeatureStatistics, ReadsTheFilesOfPytorchFidAndOthers) {
  const auto features =
      load_safetensors(test_data("eval/golden.safetensors")).at("metrics.reference");
  const auto ours = feature_statistics(features);
  for (const char* file : {"eval/pytorch_fid.npz", "eval/lucidrains.npz"}) {
    EXPECT_TRUE(npz_content(test_data(file)).statistics);
    EXPECT_FALSE(npz_content(test_data(file)).images);
    const auto theirs = load_statistics(test_data(file));
    EXPECT_EQ(theirs.count, 0);
    EXPECT_TRUE(torch::allclose(theirs.mean, ours.mean, 0, 1e-6)) << file;
    EXPECT_TRUE(torch::allclose(theirs.covariance, ours.covariance, 0, 1e-12)) << file;
  }
}

TEST(FeatureStatistics, ComeBackAsTheyWereWritten) {
  const TempDir dir;
  torch::manual_seed(0);
  auto written = feature_statistics(torch::randn({9, 4}));
  written.network = "inception 0123456789abcdef tf1";
  save_statistics(dir.path() / "s.npz", written);
  const auto read = load_statistics(dir.path() / "s.npz");
  EXPECT_EQ(read.count, 9);
  EXPECT_TRUE(torch::equal(read.mean, written.mean));
  EXPECT_TRUE(torch::equal(read.covariance, written.covariance));
  EXPECT_EQ(read.network, written.network);
}

NpyArray numbers(std::vector<int64_t> shape, double value) {
  int64_t count = 1;
  for (const int64_t extent : shape)
    count *= extent;
  std::string bytes;
  for (int64_t i = 0; i < count; ++i)
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  return {"f8", std::move(shape), bytes};
}

TEST(FeatureStatistics, AreReadBesideImagesWhichAreLeftAlone) {
  const TempDir dir;
  auto file = format_npz(
      {{"arr_0", {"u1", {4}, "abcd"}}, {"mu", numbers({1}, 3)}, {"sigma", numbers({1, 1}, 2)}},
      false);
  file.replace(file.find("|u1"), 3, "|O8");  // of a kind that cannot be read
  const auto path = dir.write("both.npz", file);
  EXPECT_TRUE(npz_content(path).statistics && npz_content(path).images);
  EXPECT_EQ(load_statistics(path).mean.item<double>(), 3);
  dir.write("long.npz", format_npz({{"count", numbers({200}, 1)},
                                    {"mu", numbers({1}, 3)},
                                    {"sigma", numbers({1, 1}, 2)}},
                                   false));
  EXPECT_EQ(load_statistics(dir.path() / "long.npz").count, 0);
}

TEST(FeatureStatistics, RefuseOtherFilesWithOneLine) {
  const TempDir dir;
  const auto refused = [&](const std::map<std::string, NpyArray>& arrays, const char* text) {
    const auto file = dir.write("s.npz", format_npz(arrays, false));
    expect_error<DataError>([&] { load_statistics(file); }, text);
  };
  const double infinity = std::numeric_limits<double>::infinity();
  refused({{"arr_0", numbers({1}, 0)}}, "got arr_0");
  EXPECT_FALSE(npz_content(dir.path() / "s.npz").statistics);
  EXPECT_TRUE(npz_content(dir.path() / "s.npz").images);
  refused({{"mu", numbers({2}, 0)}, {"s2", numbers({2, 2}, 0)}}, "got mu, s2");
  refused({{"mu", numbers({2}, 0)}, {"sigma", numbers({2, 3}, 0)}}, "got shapes [2] and [2, 3]");
  refused({{"mu", numbers({2}, infinity)}, {"sigma", numbers({2, 2}, 0)}}, "not finite");
  refused({{"mu", {"i8", {1}, std::string(8, '\0')}}, {"sigma", numbers({1, 1}, 0)}}, "got i8");
}

}  // namespace
}  // namespace ddpm
