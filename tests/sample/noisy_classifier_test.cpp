#include "ddpm/sample/noisy_classifier.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

NoisyClassifier classifier_of(ProcessType process = ProcessType::kDiscrete) {
  Classifier net(tiny_classifier());
  net->init_weights(5);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  for (auto& parameter : net->parameters())  // residual paths start near zero
    parameter.add_(torch::randn_like(parameter), 0.05);
  DiffusionConfig diffusion;
  diffusion.process = process;
  return {net, diffusion, torch::kCPU};
}

double log_probability(NoisyClassifier& classifier, const torch::Tensor& x, const NoiseLevel& level,
                       const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  const auto log_p = torch::log_softmax(classifier.logits(x, level).to(torch::kFloat64), 1);
  return log_p.gather(1, labels.view({-1, 1})).sum().item<double>();
}

TEST(NoisyClassifier, GradientIsThatOfTheLogProbabilityAtAnyProcessesLevel) {
  const torch::NoGradGuard no_grad;
  const auto labels = torch::tensor({int64_t{0}, int64_t{2}});
  for (const auto& process : kNames<ProcessType>) {
    auto classifier = classifier_of();
    DiffusionConfig other;
    other.process = process.value;
    const auto level = make_process(other)->level_of_ratio(0.7);
    torch::manual_seed(0);
    const auto x = torch::randn({2, 1, 8, 8});
    const auto direction = torch::randn({2, 1, 8, 8});
    const auto gradient = classifier.gradient(x, level, labels);
    constexpr double kStep = 1e-2;
    const double slope = (log_probability(classifier, x + kStep * direction, level, labels) -
                          log_probability(classifier, x - kStep * direction, level, labels)) /
                         (2 * kStep);
    const double expected = (gradient * direction).sum().item<double>();
    EXPECT_NEAR(slope, expected, 0.02 * std::abs(expected) + 1e-4) << process.name;
    EXPECT_FALSE(gradient.requires_grad());
  }
}

TEST(NoisyClassifier, GradientOfAnImageDoesNotDependOnItsNeighbours) {
  auto classifier = classifier_of();
  const auto level = make_process(DiffusionConfig())->level_at(300);
  torch::manual_seed(0);
  const auto x = torch::randn({4, 1, 8, 8});
  const auto labels = torch::tensor({int64_t{0}, int64_t{1}, int64_t{2}, int64_t{0}});
  const auto all = classifier.gradient(x, level, labels);
  const auto alone = classifier.gradient(x.narrow(0, 1, 1), level, labels.narrow(0, 1, 1));
  EXPECT_LT(relative_difference(alone, all.narrow(0, 1, 1)), 1e-4);
}

TEST(NoisyClassifier, SaysTheSameOfOneNoisyImageInAnyProcessesScale) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const auto image = torch::randn({1, 1, 8, 8});  // x / alpha
  auto classifier = classifier_of();
  const auto discrete = make_process(DiffusionConfig())->level_of_ratio(0.7);
  const NoiseLevel edm{.alpha = 1.0, .sigma = 0.7};
  EXPECT_TRUE(torch::allclose(classifier.logits(discrete.alpha * image, discrete),
                              classifier.logits(image, edm), 1e-4, 1e-5));
}

TEST(NoisyClassifier, PureNoiseHasNoGradient) {
  auto classifier = classifier_of();
  const auto gradient = classifier.gradient(torch::randn({1, 1, 8, 8}), {.alpha = 0, .sigma = 1},
                                            torch::tensor({int64_t{1}}));
  EXPECT_EQ(gradient.abs().max().item<double>(), 0.0);
}

TEST(NoisyClassifier, FeaturesAreOfCleanImages) {
  for (const auto& process : kNames<ProcessType>) {
    auto classifier = classifier_of(process.value);
    const auto images = torch::rand({6, 1, 8, 8}) * 2 - 1;
    const auto features = classifier.features(images);
    EXPECT_EQ(features.sizes(), (std::vector<int64_t>{6, 12})) << process.name;
    EXPECT_TRUE(torch::equal(classifier.logits_of(features), classifier.logits(images)));
  }
}

}  // namespace
}  // namespace ddpm
