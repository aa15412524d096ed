#include "ddpm/eval/reference.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/eval/cache.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_features.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// A cache of its own.
class MeasureCached : public testing::Test {
 protected:
  MeasureCached() { ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1); }
  ~MeasureCached() override { ::unsetenv("XDG_CACHE_HOME"); }

  ImageFeatures measure(bool with_features = false) {
    DatasetImages images(std::make_shared<NoiseDataset>(9), "noise");
    return measure_cached(images, network_, with_features, 4);
  }

  /// The number of cached files with this ending.
  int64_t files(const std::string& ending) const {
    int64_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path()))
      count += entry.path().extension() == ending ? 1 : 0;
    return count;
  }

  TempDir dir_;
  ToyFeatures network_;
};

TEST_F(MeasureCached, RunsTheNetworkOnce) {
  const auto first = measure();
  EXPECT_EQ(network_.calls, 3);
  const auto second = measure();
  EXPECT_EQ(network_.calls, 3);
  EXPECT_EQ(second.statistics.count, 9);
  EXPECT_TRUE(second.statistics.covariance.equal(first.statistics.covariance));
  EXPECT_EQ(files(".npz"), 1);
  EXPECT_EQ(files(".safetensors"), 0);
}

TEST_F(MeasureCached, KeepsFeaturesAndLabelsOnceTheyAreAskedFor) {
  measure();
  const auto first = measure(true);
  EXPECT_EQ(network_.calls, 6);
  const auto second = measure(true);
  EXPECT_EQ(network_.calls, 6);
  EXPECT_TRUE(second.features.equal(first.features));
  EXPECT_TRUE(second.labels.equal(first.labels));
}

TEST_F(MeasureCached, OtherWeightsAreOtherFeatures) {
  measure();
  network_ = ToyFeatures("fedcba9876543210");
  measure();
  EXPECT_EQ(network_.calls, 3);
  EXPECT_EQ(files(".npz"), 2);
}

TEST_F(MeasureCached, ADamagedFileIsMeasuredAgain) {
  measure();
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path()))
    if (entry.is_regular_file()) fs::resize_file(entry.path(), 10);
  EXPECT_EQ(measure().statistics.count, 9);
  EXPECT_EQ(network_.calls, 6);
}

TEST(CacheFolder, IsTheUsersOrNone) {
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(cache_folder().string(), "/somewhere/.cache/ddpm");
  ::setenv("XDG_CACHE_HOME", "/elsewhere", 1);
  EXPECT_EQ(cache_folder().string(), "/elsewhere/ddpm");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_TRUE(cache_folder().empty());
  EXPECT_TRUE(optional_cache_file("statistics", "a.npz").empty());
  expect_error<DiskError>([] { cache_file("statistics", "a.npz"); }, "neither XDG_CACHE_HOME nor");
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace ddpm
