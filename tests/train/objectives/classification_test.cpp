#include "ddpm/train/objectives/classification.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/batches.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

TEST(Classification, ShowsItsShareOfCleanImages) {
  Config config;
  config.model = tiny_model().model;
  config.signature = tiny_model().signature;
  config.train.seed = 1;
  config.classifier.clean_share = 0.25;
  const auto batch = batch_of(2000);
  const auto inputs = inputs_of(Classification(config, torch::kCPU), batch, 0);
  const auto clean = (inputs.at("x_t") - batch.x).abs().amax({1, 2, 3}) < 1e-3;
  EXPECT_NEAR(clean.to(torch::kFloat64).mean().item<double>(), 0.25, 0.03);
  EXPECT_EQ(inputs.at("timesteps").masked_select(clean).max().item<int64_t>(), 0);
  EXPECT_TRUE(torch::equal(inputs.at("classes"), batch.labels));
  EXPECT_FALSE(inputs.contains("labels"));
}

TEST(Classification, LossIsCrossEntropyWithTheAccuracy) {
  const auto classes = torch::tensor({int64_t{2}, int64_t{0}, int64_t{1}});
  const auto logits = torch::tensor({{0.0F, 0.0F, 9.0F}, {9.0F, 0.0F, 0.0F}, {9.0F, 0.0F, 0.0F}});
  const auto loss = classification_loss(logits, classes);
  EXPECT_NEAR(loss.extras.at("accuracy").item<double>(), 2.0 / 3, 1e-6);
  EXPECT_NEAR(loss.each[2].item<double>(), std::log(std::exp(9.0) + 2), 1e-5);
  EXPECT_NEAR(loss.mean.item<double>(), loss.each.mean().item<double>(), 1e-6);
}

}  // namespace
}  // namespace ddpm
