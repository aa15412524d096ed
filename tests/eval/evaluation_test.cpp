#include "ddpm/eval/evaluation.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"
#include "tests/support/toy_features.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

ImageFeatures measure(int64_t images, ToyFeatures& network) {
  DatasetImages source(std::make_shared<NoiseDataset>(images), "noise");
  PassOptions options;
  options.keep = {.features = true, .logits = true, .images = {0}};
  return measure_features(source, network, options);
}

/// 60 images against themselves or others.
class EvaluationTest : public testing::Test {
 protected:
  EvaluationTest() : generated_(measure(60, network_)) {
    reference_.name = "noise";
    reference_.measured = generated_;
  }

  std::vector<MetricValue> run(const MetricSelection& metrics, const DistanceBounds& bounds = {}) {
    EvaluationOptions options;
    options.metrics = metrics;
    return evaluate(generated_, reference_, network_, bounds, options);
  }

  ToyFeatures network_;
  ImageFeatures generated_;
  Reference reference_;
};

TEST_F(EvaluationTest, ImagesAgainstThemselvesAreAsNearAsCanBe) {
  const auto metrics = run({Metric::kFrechet, Metric::kManifold});
  ASSERT_EQ(metrics.size(), 5U);
  EXPECT_NEAR(metrics[0].value, 0.0, 1e-9);
  EXPECT_EQ(metrics[1].key, "precision");
  EXPECT_EQ(metrics[1].value, 1.0);
  EXPECT_EQ(metrics[4].key, "coverage");
  EXPECT_EQ(metrics[4].value, 1.0);
}

TEST_F(EvaluationTest, CopiesAreFoundAndNamed) {
  const auto metric = run({Metric::kNeighbours}).front();
  EXPECT_EQ(metric.value, 1.0);
  const auto pair = metric.details.at("closest").front();
  EXPECT_EQ(pair.at("image"), pair.at("reference"));
}

TEST_F(EvaluationTest, ADistanceInAClassifiersFeaturesIsNeverCalledFid) {
  const auto metrics = run({Metric::kFrechet, Metric::kKernel});
  EXPECT_EQ(metrics[0].key, "fd");
  EXPECT_EQ(metrics[0].title, "FD (classifier, 4-d, 01234567)");
  for (const auto& metric : metrics)
    EXPECT_EQ(metric.title.find("ID"), std::string::npos) << metric.title;
}

TEST_F(EvaluationTest, InInceptionsFeaturesMetricsHaveTheirUsualNames) {
  class Inception : public ToyFeatures {
    std::string name() const override { return "inception"; }
    int64_t sound_images() const override { return 2048; }
  } inception;
  const EvaluationOptions options{
      .metrics = {Metric::kFrechet, Metric::kKernel, Metric::kInceptionScore}};
  const auto metrics = evaluate(generated_, reference_, inception, {}, options);
  ASSERT_EQ(metrics.size(), 3U);
  EXPECT_EQ(metrics[0].key + " " + metrics[0].title, "fid FID");
  EXPECT_EQ(metrics[0].warning, "biased high: 60 images and a reference of 60, sound from 2048");
  EXPECT_EQ(metrics[1].key + " " + metrics[1].title, "kid KID");
  EXPECT_EQ(metrics[2].key + " " + metrics[2].title, "is IS");
}

TEST_F(EvaluationTest, BoundsStandBesideTheDistance) {
  const auto json = to_json(
      run({Metric::kFrechet}, {.floor = 1.5, .ceiling = 500.0, .floor_name = "test"}).front());
  EXPECT_EQ(json.at("floor"), 1.5);
  EXPECT_EQ(json.at("ceiling"), 500.0);
  EXPECT_FALSE(json.contains("warning"));
}

TEST_F(EvaluationTest, FewerImagesThanSoundAreAWarning) {
  generated_ = measure(3, network_);
  EXPECT_NE(run({Metric::kFrechet}).front().warning.find("sound from 4"), std::string::npos);
  EXPECT_NE(run({Metric::kKernel}).front().warning.find("expected 1000"), std::string::npos);
}

TEST_F(EvaluationTest, SaysWhatIsMissing) {
  generated_ = measure(3, network_);
  EXPECT_THROW(run({Metric::kManifold}), DataError);        // no more than k images
  EXPECT_THROW(run({Metric::kInceptionScore}), DataError);  // fewer than splits
  reference_.measured.features = torch::Tensor();
  EXPECT_THROW(run({Metric::kKernel}), DataError);
  generated_.labels = torch::Tensor();
  EXPECT_THROW(run({Metric::kClassAgreement}), DataError);
}

TEST_F(EvaluationTest, ClassMetricsAreToldClassByClass) {
  const auto metrics = run({Metric::kPerClass, Metric::kDiversity});
  EXPECT_EQ(metrics[0].key, "per_class_fd");
  EXPECT_NEAR(metrics[0].value, 0.0, 1e-9);
  EXPECT_EQ(metrics[0].details.at("classes").size(), 3U);
  EXPECT_EQ(metrics[1].key, "diversity");
  EXPECT_DOUBLE_EQ(metrics[1].value, metrics[1].details.at("reference").get<double>());
}

}  // namespace
}  // namespace ddpm
