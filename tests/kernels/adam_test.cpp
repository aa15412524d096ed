#include "ddpm/kernels/adam.h"

#include <limits>
#include <tuple>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace ddpm {
namespace {

constexpr int64_t kSize = 70'000;  // several chunks of work
constexpr int64_t kSecondPart = 40'016;

AdamTensors random_tensors() {
  torch::manual_seed(1);
  AdamTensors tensors{.weights = torch::randn({kSize}),
                      .exp_avg = 0.01 * torch::randn({kSize}),
                      .exp_avg_sq = 0.01 * torch::rand({kSize}),
                      .ema = torch::randn({kSize}),
                      .bf16_weights = {}};
  tensors.bf16_weights = tensors.weights.to(torch::kBFloat16);
  return tensors;
}

/// Two gradients, of which `type` is the second's; 16 numbers between them have none.
std::vector<GradientPart> random_gradients(torch::Dtype type) {
  torch::manual_seed(2);
  return {{torch::randn({kSecondPart - 16}), 0},
          {torch::randn({100, (kSize - kSecondPart) / 100}).to(type), kSecondPart}};
}

std::vector<torch::Tensor> all(const AdamTensors& t) {
  return {t.weights, t.exp_avg, t.exp_avg_sq, t.ema, t.bf16_weights.to(torch::kFloat32)};
}

class Adam : public testing::TestWithParam<std::tuple<torch::Dtype, bool, double>> {};

TEST_P(Adam, AgreesWithItsTwin) {
  const auto [type, decoupled, max_norm] = GetParam();
  AdamOptions options{.lr = 1e-2,
                      .weight_decay = 0.1,
                      .decoupled_decay = decoupled,
                      .max_grad_norm = max_norm,
                      .ema_decay = 0.9};
  const auto ours = random_tensors();
  const auto twin = random_tensors();
  const auto gradients = random_gradients(type);
  for (options.step = 1; options.step <= 3; ++options.step) {
    const auto norm = adam_step(ours, gradients, options);
    const auto twin_norm = adam_step_reference(twin, gradients, options);
    EXPECT_NEAR(norm.item<double>(), twin_norm.item<double>(), 1e-4 * twin_norm.item<double>());
  }
  const auto a = all(ours);
  const auto b = all(twin);
  for (size_t i = 0; i < a.size(); ++i) {
    const double tolerance = i + 1 == a.size() ? 2e-2 : 2e-6;
    EXPECT_TRUE(torch::allclose(a[i], b[i], tolerance, tolerance)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Adam,
                         testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                                          testing::Bool(), testing::Values(0.0, 1.0, 1e6)));

TEST(AdamStep, LeavesNumbersWithoutAGradientAlone) {
  const auto tensors = random_tensors();
  const auto before = tensors.weights.clone();
  adam_step(tensors, random_gradients(torch::kFloat32), {.lr = 0.1});
  const auto gap = torch::indexing::Slice(kSecondPart - 16, kSecondPart);
  EXPECT_TRUE(torch::equal(tensors.weights.index({gap}), before.index({gap})));
  EXPECT_FALSE(torch::equal(tensors.weights, before));
}

TEST(AdamStep, ChangesNothingIfAGradientIsNotFinite) {
  const auto before = all(random_tensors());
  for (const auto step : {adam_step, adam_step_reference}) {
    const auto tensors = random_tensors();
    auto gradients = random_gradients(torch::kBFloat16);
    gradients[1].gradient[3][4] = std::numeric_limits<float>::quiet_NaN();
    const auto norm = step(tensors, gradients, {.lr = 0.1, .max_grad_norm = 1.0});
    EXPECT_FALSE(std::isfinite(norm.item<double>()));
    const auto after = all(tensors);
    for (size_t i = 0; i < after.size(); ++i)
      EXPECT_TRUE(torch::equal(before[i], after[i])) << i;
  }
}

TEST(AdamStep, ChangesNothingIfTheLossIsNotFinite) {
  const auto before = all(random_tensors());
  for (const auto step : {adam_step, adam_step_reference}) {
    const auto tensors = random_tensors();
    const auto infinity = torch::full({}, std::numeric_limits<float>::infinity());
    const auto norm = step(tensors, random_gradients(torch::kFloat32),
                           {.lr = 0.1, .max_grad_norm = 1.0, .loss = infinity});
    EXPECT_TRUE(std::isfinite(norm.item<double>()));
    const auto after = all(tensors);
    for (size_t i = 0; i < after.size(); ++i)
      EXPECT_TRUE(torch::equal(before[i], after[i])) << i;
  }
}

TEST(AdamStep, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<torch::Tensor> weights;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    const auto tensors = random_tensors();
    adam_step(tensors, random_gradients(torch::kBFloat16), {.lr = 0.1, .max_grad_norm = 1.0});
    weights.push_back(tensors.weights);
  }
  EXPECT_TRUE(torch::equal(weights[0], weights[1]));
}

}  // namespace
}  // namespace ddpm
