#include "ddpm/model/classifier.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

Classifier classifier_with(Pooling pooling) {
  auto config = tiny_classifier(pooling);
  config.model.attention_head_dim = 8;
  Classifier net(config);
  net->init_weights(5);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  for (auto& parameter : net->parameters())  // residual paths start near zero
    parameter.add_(torch::randn_like(parameter), 0.1);
  net->eval();
  return net;
}

TEST(Classifier, AnImageDoesNotDependOnItsNeighbours) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const auto x = torch::randn({5, 1, 8, 8});
  const auto t = torch::arange(5, torch::kInt64) * 100;
  for (const auto& pooling : kNames<Pooling>) {
    auto net = classifier_with(pooling.value);
    const auto all = net->forward(x, t);
    EXPECT_EQ(all.sizes(), (std::vector<int64_t>{5, 3}));
    const auto alone = net->forward(x.narrow(0, 2, 1), t.narrow(0, 2, 1));
    EXPECT_LT(relative_difference(alone, all.narrow(0, 2, 1)), 1e-5) << pooling.name;
  }
}

TEST(Classifier, LogitsAreALinearMapOfTheFeatures) {
  const torch::NoGradGuard no_grad;
  auto net = classifier_with(Pooling::kMean);
  const auto x = torch::randn({4, 1, 8, 8});
  const auto t = torch::zeros({4}, torch::kInt64);
  const auto features = net->features(x, t);
  EXPECT_EQ(features.sizes(), (std::vector<int64_t>{4, 12}));
  const auto parameters = net->named_parameters();
  const auto logits = torch::linear(features, parameters["head.weight"], parameters["head.bias"]);
  EXPECT_TRUE(torch::allclose(logits, net->forward(x, t), 1e-5, 1e-6));
}

TEST(Classifier, DependsOnTheTimestep) {
  const torch::NoGradGuard no_grad;
  auto net = classifier_with(Pooling::kAttention);
  const auto x = torch::randn({1, 1, 8, 8});
  EXPECT_GT((net->forward(x, torch::tensor({int64_t{0}})) -
             net->forward(x, torch::tensor({int64_t{900}})))
                .abs()
                .max()
                .item<double>(),
            1e-4);
}

TEST(AttentionPool, OfEqualPixelsIsTheirValueThroughBothMaps) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  AttentionPool pool(8, 4);
  const auto pixel = torch::randn({1, 8, 1, 1});
  const auto pooled = pool->forward(pixel.expand({1, 8, 3, 3}));
  const auto parameters = pool->named_parameters();
  const auto value =
      torch::linear(pixel.flatten(1), parameters["to_v.weight"], parameters["to_v.bias"]);
  const auto expected =
      torch::linear(value, parameters["to_out.weight"], parameters["to_out.bias"]);
  EXPECT_TRUE(torch::allclose(pooled, expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace ddpm
