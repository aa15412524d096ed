#include "ddpm/diffusion/timestep_sampler.h"

#include <cmath>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TrainConfig sampler(TimestepSampler kind) {
  TrainConfig config;
  config.timestep_sampler = kind;
  config.batch_size = 16;
  return config;
}

TEST(NormalQuantile, AgreesWithTheReference) {
  const auto reference = load_json(test_data("training.json"));
  for (const auto& row : reference.at("quantiles"))
    EXPECT_NEAR(normal_quantile(row[0]), row[1].get<double>(), 1e-8) << row.dump();
}

TEST(DrawUnit, StratifiedHasOneImageInEachPartOfAStep) {
  const auto config = sampler(TimestepSampler::kStratified);
  for (const int64_t step : {0, 7}) {
    std::set<int64_t> parts;
    for (int64_t i = 0; i < 16; ++i)
      parts.insert(static_cast<int64_t>(16 * draw_unit(config, 3, 16 * step + i)));
    EXPECT_EQ(parts.size(), 16U);
  }
  EXPECT_NE(draw_unit(config, 3, 0), draw_unit(config, 3, 16));
}

TEST(DrawUnit, LogitNormalHasTheLogitsItIsToldTo) {
  auto config = sampler(TimestepSampler::kLogitNormal);
  config.logit_mean = 0.5;
  config.logit_std = 2.0;
  double sum = 0.0;
  double squares = 0.0;
  int64_t near_half = 0;
  constexpr int64_t kDraws = 40'000;
  for (int64_t i = 0; i < kDraws; ++i) {
    const double u = draw_unit(config, 1, i);
    const double logit = std::log(u / (1 - u));
    sum += logit;
    squares += logit * logit;
    const double standard = 1 / (1 + std::exp(-(logit - 0.5) / 2));
    near_half += std::abs(standard - 0.5) < 0.05 ? 1 : 0;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 0.5, 0.04);
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), 2.0, 0.04);
  // The density of the standard one at 1/2 is 1.5957691216.
  EXPECT_NEAR(static_cast<double>(near_half) / kDraws / 0.1, 1.5957691216, 0.06);
}

TEST(DrawUnit, IsAPureFunctionOfSeedAndPlace) {
  for (const auto& kind : kNames<TimestepSampler>) {
    const auto config = sampler(kind.value);
    for (int64_t place = 0; place < 40; ++place) {
      const double u = draw_unit(config, 5, place);
      EXPECT_EQ(u, draw_unit(config, 5, place));
      EXPECT_NE(u, draw_unit(config, 6, place)) << kind.name;
      EXPECT_TRUE(u > 0 && u < 1) << kind.name;
    }
  }
}

/// The published case: four timesteps with ten losses each.
LossSecondMoment published_history() {
  LossSecondMoment losses(4);
  const auto note = [&](int64_t t, double loss) {
    losses.update(std::vector<int64_t>{t}, std::vector<double>{loss});
  };
  for (int i = 0; i < 3; ++i)
    note(3, 100.0 + i);  // pushed out again by what follows
  for (int i = 1; i <= 10; ++i) {
    note(0, 1.0);
    note(1, 2.0);
    note(2, 0.5);
    note(3, i);
  }
  return losses;
}

TEST(LossSecondMoment, HasThePublishedProbabilitiesAndWeights) {
  const auto losses = published_history();
  ASSERT_TRUE(losses.warmed_up());
  const std::vector<double> expected{0.103188361, 0.206126723, 0.051719181, 0.638965735};
  const std::vector<double> weights{2.422753852, 1.212846140, 4.833796604, 0.391257287};
  for (int64_t t = 0; t < 4; ++t) {
    EXPECT_NEAR(losses.probabilities()[static_cast<size_t>(t)], expected[static_cast<size_t>(t)],
                1e-9);
    EXPECT_NEAR(losses.weight(t), weights[static_cast<size_t>(t)], 1e-8);
  }
}

TEST(LossSecondMoment, IsUniformUntilEveryTimestepHasTenLosses) {
  LossSecondMoment losses(2);
  for (int i = 0; i < 10; ++i) {
    losses.update(std::vector<int64_t>{0}, std::vector<double>{9.0});
    EXPECT_EQ(losses.probabilities(), (std::vector<double>{0.5, 0.5}));
    if (i < 9) losses.update(std::vector<int64_t>{1}, std::vector<double>{1.0});
  }
  EXPECT_FALSE(losses.warmed_up());
  losses.update(std::vector<int64_t>{1}, std::vector<double>{NAN});
  EXPECT_FALSE(losses.warmed_up());
  losses.update(std::vector<int64_t>{1}, std::vector<double>{1.0});
  EXPECT_NEAR(losses.probabilities()[0], 0.999 * 0.9 + 0.0005, 1e-12);
}

TEST(LossSecondMoment, DrawsInProportionAndKeepsTheExpectation) {
  const auto losses = published_history();
  std::vector<double> share(4);
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i)
    share[static_cast<size_t>(losses.timestep((i + 0.5) / kDraws))] += 1.0 / kDraws;
  for (size_t t = 0; t < 4; ++t) {
    EXPECT_NEAR(share[t], losses.probabilities()[t], 2e-5);
    EXPECT_NEAR(losses.probabilities()[t] * losses.weight(static_cast<int64_t>(t)), 0.25, 1e-12);
  }
}

TEST(LossSecondMoment, ComesBackFromItsStateToTheLastBit) {
  const auto losses = published_history();
  LossSecondMoment again(4);
  again.load(losses.history(), losses.counts(), "here");
  EXPECT_EQ(again.probabilities(), losses.probabilities());
  EXPECT_TRUE(torch::equal(again.history(), losses.history()));
  LossSecondMoment other(5);
  EXPECT_THROW(other.load(losses.history(), losses.counts(), "here"), CheckpointError);
  EXPECT_THROW(again.load(losses.history(), losses.counts() + 1, "here"), CheckpointError);
}

}  // namespace
}  // namespace ddpm
