#include "ddpm/model/gradient_checkpoint.h"

#include <gtest/gtest.h>

#include "ddpm/model/precision.h"
#include "ddpm/model/unet.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

/// All gradients of one step with dropout.
std::vector<torch::Tensor> gradients(bool checkpointing, Precision precision) {
  auto config = tiny_model();
  config.model.dropout = 0.3;
  UNet unet(config);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  for (auto& parameter : unet->parameters())
    parameter.normal_(0, 0.2);
  unet->enable_gradient_checkpointing(checkpointing);
  const torch::AutoGradMode with_grad(true);
  convert_parameters(*unet, precision);
  const auto y = unet->forward(torch::randn({4, 1, 8, 8}), torch::tensor({1, 20, 300, 999}),
                               {torch::tensor({0, 1, 2, 3})});
  y.to(torch::kFloat32).square().mean().backward();
  std::vector<torch::Tensor> all;
  for (const auto& parameter : unet->parameters())
    all.push_back(parameter.grad());
  return all;
}

/// Largest difference over all gradients, relative to the largest gradient.
double difference(Precision precision) {
  const auto plain = gradients(false, precision);
  const auto checkpointed = gradients(true, precision);
  double largest = 0.0;
  double scale = 0.0;
  for (size_t i = 0; i < plain.size(); ++i) {
    largest = std::max(largest, (plain[i] - checkpointed.at(i)).abs().max().item<double>());
    scale = std::max(scale, plain[i].abs().max().item<double>());
  }
  return largest / scale;
}

TEST(GradientCheckpoint, GivesTheSameGradientsWithDropout) {
  EXPECT_LT(difference(Precision::kFloat32), 1e-5);
}

TEST(GradientCheckpoint, GivesTheSameGradientsInBfloat16) {
  EXPECT_LT(difference(Precision::kBFloat16), 2e-2);
}

TEST(GradientCheckpoint, GivesTheSameBitsEveryTime) {
  const auto once = gradients(true, Precision::kBFloat16);
  const auto twice = gradients(true, Precision::kBFloat16);
  for (size_t i = 0; i < once.size(); ++i)
    EXPECT_TRUE(torch::equal(once[i], twice[i])) << i;
}

}  // namespace
}  // namespace ddpm
