#include "ddpm/eval/inception_score.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TEST(InceptionScore, AgreesWithTorchFidelityInTheSameOrder) {
  const auto golden = load_safetensors(test_data("eval/golden.safetensors"));
  const auto values = load_json(test_data("eval/golden.json"));
  const auto score = inception_score(golden.at("metrics.logits"));
  EXPECT_NEAR(score.mean / values.at("inception_score_mean").get<double>(), 1, 1e-9);
  EXPECT_NEAR(score.deviation / values.at("inception_score_deviation").get<double>(), 1, 1e-9);
}

TEST(InceptionScore, IsOneWithoutAndTheNumberOfClassesWithPerfectDiversity) {
  EXPECT_NEAR(inception_score(torch::ones({20, 5})).mean, 1, 1e-12);
  const auto sure = torch::eye(5).repeat({4, 1}) * 1000;  // probabilities underflow to zero
  const auto score = inception_score(sure, 2);
  EXPECT_NEAR(score.mean, 5, 1e-12);
  EXPECT_NEAR(score.deviation, 0, 1e-12);
}

TEST(InceptionScore, RefusesFewerImagesThanSplits) {
  expect_error<DataError>([] { inception_score(torch::ones({9, 5})); }, "at least 10 images");
}

}  // namespace
}  // namespace ddpm
