#include "ddpm/diffusion/loss.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/diffusion/process.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TrainConfig weighting(LossWeighting scheme, double p2_gamma = 1.0) {
  TrainConfig config;
  config.loss_weighting = scheme;
  config.p2_gamma = p2_gamma;
  return config;
}

double weight_at(const TrainConfig& train, const Process& process, const NoiseLevel& level) {
  const double snr = std::pow(level.alpha / level.sigma, 2);
  return loss_weight(train, snr, process.error_factors(level));
}

double weight_at(const TrainConfig& train, PredictionType type, int64_t t) {
  DiffusionConfig diffusion;
  diffusion.prediction_type = type;
  const auto process = make_process(diffusion);
  return weight_at(train, *process, process->level_at(static_cast<double>(t)));
}

TEST(LossWeight, AgreesWithTheReference) {
  const auto rows = load_json(test_data("training.json")).at("loss_weights");
  ASSERT_EQ(rows.size(), 90U);
  for (const auto& row : rows) {
    const auto scheme = *from_name<LossWeighting>(row.at("weighting").get<std::string>());
    const auto type = *from_name<PredictionType>(row.at("prediction_type").get<std::string>());
    const double expected = row.at("weight");
    EXPECT_NEAR(weight_at(weighting(scheme, 0.5), type, row.at("t")), expected, 2e-5 * expected)
        << row.dump();
  }
}

TEST(LossWeight, HasThePublishedValues) {
  constexpr auto kEps = PredictionType::kEpsilon;
  constexpr auto kV = PredictionType::kVPrediction;
  const auto min_snr = weighting(LossWeighting::kMinSnr);
  EXPECT_NEAR(weight_at(min_snr, kEps, 0), 5.0005e-4, 1e-8);
  EXPECT_NEAR(weight_at(min_snr, kEps, 100), 0.58570851, 1e-8);
  EXPECT_NEAR(weight_at(min_snr, kV, 100), 0.52429205, 1e-8);
  EXPECT_NEAR(weight_at(min_snr, kV, 300), 0.39401112, 1e-8);
  EXPECT_NEAR(weight_at(weighting(LossWeighting::kP2), kEps, 500), 0.92220334, 1e-8);
  EXPECT_NEAR(weight_at(weighting(LossWeighting::kP2, 0.5), kEps, 500), 0.96031419, 1e-8);
  EXPECT_NEAR(weight_at(weighting(LossWeighting::kTruncSnr), kEps, 700), 144.597, 1e-3);
}

/// Any prediction, its error in the network's own terms, and the weighted loss of that.
double weighted_loss(const Process& process, const TrainConfig& train, const NoiseLevel& level) {
  torch::manual_seed(0);
  const auto options = torch::dtype(torch::kFloat64);
  const auto x0 = torch::randn({1, 2, 3, 3}, options);
  const auto eps = torch::randn({1, 2, 3, 3}, options);
  const auto guess = x0 + 0.1 * torch::randn({1, 2, 3, 3}, options);
  const auto column = [&](double value) { return torch::full({1, 1, 1, 1}, value, options); };
  const NoiseLevels levels{column(level.alpha), column(level.sigma), {}};
  const auto x_t = add_noise(levels, x0, eps);
  const auto said = process.target(levels, guess, noise_between(level, guess, x_t));
  const auto error = prediction_error(train, said, process.target(levels, x0, eps));
  return error.item<double>() * weight_at(train, process, level);
}

TEST(LossWeight, WeightedLossesOfOnePredictionAreEqualForAllPredictionTypes) {
  for (const auto& scheme : kNames<LossWeighting>) {
    if (scheme.value == LossWeighting::kNone) continue;
    for (const double t : {1.0, 150.0, 600.0, 999.0}) {
      std::vector<double> losses;
      for (const auto& type : kNames<PredictionType>) {
        DiffusionConfig config;
        config.prediction_type = type.value;
        const auto process = make_process(config);
        losses.push_back(weighted_loss(*process, weighting(scheme.value), process->level_at(t)));
      }
      EXPECT_NEAR(losses[1], losses[0], 1e-9 * losses[0]) << scheme.name << t;
      EXPECT_NEAR(losses[2], losses[0], 1e-9 * losses[0]) << scheme.name << t;
    }
  }
}

TEST(LossWeight, OtherProcessesWeighTheErrorOfX0Alike) {
  const auto min_snr = weighting(LossWeighting::kMinSnr);
  for (const auto type : {ProcessType::kEdm, ProcessType::kFlow}) {
    DiffusionConfig config;
    config.process = type;
    const auto process = make_process(config);
    for (const double ratio : {0.1, 0.5, 3.0}) {
      const auto level = process->level_of_ratio(ratio);
      torch::manual_seed(0);
      torch::randn({1, 2, 3, 3}, torch::kFloat64);
      torch::randn({1, 2, 3, 3}, torch::kFloat64);
      const double x0_error =
          0.01 * torch::randn({1, 2, 3, 3}, torch::kFloat64).square().mean().item<double>();
      const double expected = std::min(1.0 / (ratio * ratio), 5.0) * x0_error;
      EXPECT_NEAR(weighted_loss(*process, min_snr, level), expected, 1e-9 * expected) << ratio;
    }
  }
}

TEST(LossWeight, OfEdmsOwnTargetIsLambdaTimesCOutSquared) {
  DiffusionConfig config;
  config.process = ProcessType::kEdm;
  for (const double sigma : {0.002, 0.5, 80.0}) {
    const auto process = make_process(config);
    const auto factors = process->error_factors(process->level_of_ratio(sigma));
    const double lambda = (sigma * sigma + 0.25) / std::pow(0.5 * sigma, 2);
    EXPECT_NEAR(lambda * factors.x0, 1.0, 1e-12);
    EXPECT_EQ(loss_weight(TrainConfig(), 1 / (sigma * sigma), factors), 1.0);
  }
}

TEST(LossWeight, IsFiniteWithoutAnySignal) {
  for (const auto& scheme : kNames<LossWeighting>) {
    for (const auto& type : kNames<PredictionType>) {
      DiffusionConfig config;
      config.prediction_type = type.value;
      const double weight =
          weight_at(weighting(scheme.value), *make_process(config), {.alpha = 0.0, .sigma = 1.0});
      EXPECT_TRUE(std::isfinite(weight) && weight >= 0) << scheme.name << type.name;
    }
  }
  EXPECT_EQ(
      loss_weight(weighting(LossWeighting::kMinSnr), 0.0,
                  make_process(DiffusionConfig())->error_factors({.alpha = 0.0, .sigma = 1.0})),
      1.0);
}

TEST(PredictionError, AgreesWithTheReferenceForEachLossType) {
  const auto golden = load_json(test_data("training.json")).at("loss_types");
  const auto tensor = [&](const char* key) {
    const auto rows = golden.at(key).get<std::vector<std::vector<double>>>();
    return torch::stack({torch::tensor(rows.at(0)), torch::tensor(rows.at(1))});
  };
  for (const auto& type : kNames<LossType>) {
    TrainConfig config;
    config.loss_type = type.value;
    const auto ours = prediction_error(config, tensor("prediction"), tensor("target"));
    const auto expected = torch::tensor(golden.at(type.name).get<std::vector<double>>());
    EXPECT_TRUE(torch::allclose(ours, expected, 1e-6, 1e-7)) << type.name;
  }
}

}  // namespace
}  // namespace ddpm
