#include "ddpm/eval/feature_pass.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/checkpoint/safetensors.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_features.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

/// Noise images, of which reading stops once at image `stop`.
class StoppingImages : public DatasetImages {
 public:
  StoppingImages(int64_t images, int64_t stop)
      : DatasetImages(std::make_shared<NoiseDataset>(images), "noise"),
        stop_(stop) {}
  SourceBatch read(int64_t first, int64_t count) override {
    if (first == stop_) {
      stop_ = -1;
      throw StopRequested();
    }
    return DatasetImages::read(first, count);
  }

 private:
  int64_t stop_;
};

void expect_same_statistics(const ImageFeatures& a, const ImageFeatures& b) {
  EXPECT_EQ(a.statistics.count, b.statistics.count);
  EXPECT_TRUE(a.statistics.mean.equal(b.statistics.mean));
  EXPECT_TRUE(a.statistics.covariance.equal(b.statistics.covariance));
  EXPECT_TRUE(a.features.equal(b.features));
}

void expect_same(const ImageFeatures& a, const ImageFeatures& b) {
  expect_same_statistics(a, b);
  EXPECT_TRUE(a.logits.equal(b.logits));
  EXPECT_TRUE(a.images.equal(b.images));
  EXPECT_TRUE(a.labels.equal(b.labels));
}

/// A pass over 18 images that left what it had.
class LeftFeatures : public testing::Test {
 protected:
  LeftFeatures() {
    options_.keep.features = true;
    options_.partial = dir_.path() / "partial.safetensors";
    options_.leave_partial = true;
    expected_ = measure_again();
  }

  ImageFeatures measure_again() {
    network_.calls = 0;
    return measure_features(images_, network_, options_);
  }

  TempDir dir_;
  ToyFeatures network_;
  PassOptions options_;
  StoppingImages images_{18, -1};
  ImageFeatures expected_;
};

TEST(FeaturePass, GoesOnWhereItWasStopped) {
  const TempDir dir;
  ToyFeatures network;
  PassOptions options;
  options.batch_size = 4;
  options.keep = {.features = true, .logits = true, .images = {1, 7, 8, 17}};
  options.partial = dir.path() / "partial.safetensors";
  StoppingImages whole(18, -1);
  const auto expected = measure_features(whole, network, options);
  StoppingImages images(18, 8);
  EXPECT_THROW(measure_features(images, network, options), StopRequested);
  EXPECT_TRUE(std::filesystem::exists(options.partial));
  network.calls = 0;
  expect_same(measure_features(images, network, options), expected);
  EXPECT_EQ(network.calls, 3);
  EXPECT_FALSE(std::filesystem::exists(options.partial));
}

TEST_F(LeftFeatures, AreAllThereForWhatIsDoneAfterThem) {
  expect_same_statistics(measure_again(), expected_);
  EXPECT_EQ(network_.calls, 0);
}

TEST(FeaturePass, KeepsTheImagesThatAreAskedFor) {
  ToyFeatures network;
  PassOptions options;
  options.batch_size = 4;
  options.keep.images = {0, 5, 6, 11};
  StoppingImages images(12, -1);
  const auto kept = measure_features(images, network, options).images;
  const auto all = images.read(0, 12).images;
  EXPECT_TRUE(kept.equal(all.index_select(0, torch::tensor(options.keep.images))));
}

TEST(FeaturePass, ADamagedPartIsNotUsed) {
  const TempDir dir;
  ToyFeatures network;
  PassOptions options;
  options.partial = dir.write("partial.safetensors", "broken");
  StoppingImages images(18, -1);
  EXPECT_EQ(measure_features(images, network, options).statistics.count, 18);
}

TEST_F(LeftFeatures, WithoutARowForEachImageAreNotUsed) {
  const auto whole = load_safetensors(options_.partial);
  const auto begins_anew_with = [&](const std::string& name, const torch::Tensor& value) {
    auto state = whole;
    state[name] = value;
    replace_safetensors(options_.partial, state);
    expect_same_statistics(measure_again(), expected_);
    EXPECT_GT(network_.calls, 0) << name;
  };
  const auto features = whole.at("kept.features");
  begins_anew_with("count", torch::tensor({int64_t{-5}}));
  begins_anew_with("count", torch::tensor({int64_t{19}}));
  begins_anew_with("kept.features", features.slice(0, 0, 17));
  begins_anew_with("kept.features", features.to(torch::kFloat64));
  begins_anew_with("kept.features", features.slice(1, 0, 1).contiguous());
  begins_anew_with("kept.logits", features);
  begins_anew_with("kept.judged", features);
  begins_anew_with("kept.images", torch::zeros({18, 1, 4, 4}, torch::kUInt8));
  begins_anew_with("kept.labels", torch::zeros({17}, torch::kInt64));
}

TEST(FeaturePass, StoppedBeforeTheFirstImageLeavesNothing) {
  const TempDir dir;
  ToyFeatures network;
  PassOptions options;
  options.partial = dir.path() / "partial.safetensors";
  StoppingImages images(18, 0);
  EXPECT_THROW(measure_features(images, network, options), StopRequested);
  EXPECT_FALSE(std::filesystem::exists(options.partial));
}

TEST(FeaturePass, KeepsOnlyWhatWasAskedForAndTheJudgesLogits) {
  ToyFeatures network;
  ToyFeatures classifier;
  PassOptions options;
  options.classifier = &classifier;
  StoppingImages images(6, -1);
  const auto measured = measure_features(images, network, options);
  EXPECT_FALSE(measured.features.defined());
  EXPECT_FALSE(measured.images.defined());
  EXPECT_EQ(measured.judged.sizes(), (std::vector<int64_t>{6, 2}));
}

}  // namespace
}  // namespace ddpm
