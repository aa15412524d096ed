#include "ddpm/diffusion/likelihood.h"

#include <cmath>
#include <functional>
#include <numbers>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

const auto kDouble = torch::TensorOptions(torch::kFloat64);

torch::Tensor number(double value) {
  return torch::full({1, 1, 1, 1}, value, kDouble);
}

TEST(Likelihood, KlAndDiscretizedNllAgreeWithTheReference) {
  const auto golden = load_json(test_data("training.json")).at("bound");
  for (const auto& row : golden.at("kl")) {
    const auto kl = normal_kl(number(row[0]), number(row[1]), number(row[2]), number(row[3]));
    EXPECT_NEAR(kl.item<double>(), row[4].get<double>(), 1e-12);
  }
  for (const auto& row : golden.at("discretized")) {
    const auto log_variance = number(2.0 * std::log(row[2].get<double>()));
    const auto nll = discretized_normal_nll(number(row[0]), number(row[1]), log_variance);
    EXPECT_NEAR(nll.item<double>(), row[3].get<double>(), 1e-5) << row.dump();
  }
}

TEST(Likelihood, ProbabilitiesOfAllPixelValuesAddUpToOne) {
  const auto values = (torch::arange(256, kDouble) / 127.5 - 1).view({256, 1, 1, 1});
  for (const double mean : {-1.2, 0.0, 0.7}) {
    for (const double log_variance : {-6.0, -1.0, 2.0}) {
      const auto nll = discretized_normal_nll(values, number(mean), number(log_variance));
      EXPECT_NEAR(torch::exp(-nll).sum().item<double>(), 1.0, 1e-8) << mean << log_variance;
    }
  }
}

TEST(VariationalBound, HasThePublishedVariances) {
  const VariationalBound bound(NoiseSchedule(DiffusionConfig()), kDouble);
  const auto at = [](const torch::Tensor& value) { return value.item<double>(); };
  const auto step = [](int64_t t) { return torch::tensor({t}); };
  EXPECT_NEAR(at(bound.small_log_variance(step(500))), -4.6000497400, 1e-9);
  EXPECT_NEAR(at(bound.large_log_variance(step(500))), -4.5991920944, 1e-9);
  EXPECT_NEAR(at(bound.large_log_variance(step(1)) - bound.small_log_variance(step(1))),
              0.7880387633, 1e-9);
  EXPECT_NEAR(at(bound.small_log_variance(step(0))), -9.8167, 1e-4);
  EXPECT_EQ(at(bound.large_log_variance(step(0))), at(bound.small_log_variance(step(0))));
}

TEST(VariationalBound, LearnedRangeRunsFromTheSmallToTheLargeVarianceAndBeyond) {
  const NoiseSchedule schedule{DiffusionConfig()};
  const VariationalBound bound(schedule, kDouble);
  const auto steps = torch::tensor({int64_t{0}, int64_t{7}, int64_t{999}});
  const auto learned = [&](double v) {
    return bound.learned_log_variance(torch::full({3, 1, 1, 1}, v, kDouble), steps);
  };
  const auto small = bound.small_log_variance(steps);
  EXPECT_TRUE(torch::allclose(learned(-1), small, 0, 1e-12));
  EXPECT_NEAR(learned(1)[0].item<double>(), std::log(schedule.beta(0)), 1e-9);
  EXPECT_TRUE(torch::allclose(learned(1).narrow(0, 1, 2),
                              bound.large_log_variance(steps).narrow(0, 1, 2), 0, 1e-12));
  EXPECT_TRUE(torch::allclose(learned(3) - learned(1), learned(1) - small, 0, 1e-9));
}

constexpr double kDataVariance = 0.25;

/// The whole bound, in expectation, of the exact mean for data N(0, kDataVariance) with this log
/// variance. Terms are quadratic in x0 and the noise, so that three nodes for each are exact.
double summed_bound(const VariationalBound& bound, const NoiseSchedule& schedule,
                    const std::function<double(int64_t step)>& log_variance) {
  const double root = std::sqrt(3.0);
  const auto nodes = torch::tensor({-root, 0.0, root}, kDouble);
  const auto weights = torch::tensor({1.0 / 6, 2.0 / 3, 1.0 / 6}, kDouble);
  const auto x0 = (std::sqrt(kDataVariance) * nodes).repeat_interleave(3).view({9, 1, 1, 1});
  const auto eps = nodes.repeat({3}).view({9, 1, 1, 1});
  const auto mass = weights.repeat_interleave(3) * weights.repeat({3});
  double total = (mass * bound.prior_term(x0)).sum().item<double>();
  for (int64_t step = 0; step < bound.steps(); ++step) {
    const double a = schedule.alpha_bar(bound.timesteps()[static_cast<size_t>(step)]);
    const auto x_t = std::sqrt(a) * x0 + std::sqrt(1 - a) * eps;
    const double pull = std::sqrt(a) * kDataVariance / (a * kDataVariance + 1 - a);
    const auto steps = torch::full({9}, step, torch::kInt64);
    const auto mean = bound.posterior_mean(pull * x_t, x_t, steps);
    const auto term = bound.term(x0, x_t, steps, mean, torch::full_like(x0, log_variance(step)),
                                 Decoder::kContinuous);
    total += (mass * term).sum().item<double>();
  }
  return total;
}

struct Bounds {
  double exact;
  double large;
  double small;
};

Bounds bounds_of(const std::vector<int64_t>& timesteps) {
  const NoiseSchedule schedule{DiffusionConfig()};
  const VariationalBound bound(schedule, kDouble, timesteps);
  const auto fixed = [&](auto table) {
    return summed_bound(bound, schedule, [&](int64_t step) {
      return (bound.*table)(torch::tensor({step})).template item<double>();
    });
  };
  const auto exact = [&](int64_t step) {
    const auto alpha_bar = [&](int64_t i) {
      return i < 0 ? 1.0 : schedule.alpha_bar(bound.timesteps()[static_cast<size_t>(i)]);
    };
    const double a = alpha_bar(step);
    const double before = alpha_bar(step - 1);
    const double beta = 1 - a / before;
    const double x0_weight = std::sqrt(before) * beta / (1 - a);
    const double of_x0 = kDataVariance * (1 - a) / (a * kDataVariance + 1 - a);
    return std::log(beta * (1 - before) / (1 - a) + x0_weight * x0_weight * of_x0);
  };
  return {summed_bound(bound, schedule, exact), fixed(&VariationalBound::large_log_variance),
          fixed(&VariationalBound::small_log_variance)};
}

TEST(VariationalBound, EqualsTheEntropyWithTheExactReverseVariance) {
  const auto bounds = bounds_of({});
  const double entropy = 0.5 * std::log2(2 * std::numbers::pi * std::numbers::e * kDataVariance);
  EXPECT_NEAR(bounds.exact, entropy, 1e-8);
  EXPECT_NEAR(bounds.exact, 1.04709559, 1e-8);
  EXPECT_NEAR(bounds.small, 1.86932490, 1e-8);
  // The published value has beta in step 0, where the DDPM code and we have the small variance.
  const NoiseSchedule schedule{DiffusionConfig()};
  const VariationalBound bound(schedule, kDouble);
  const auto all_betas = [&](int64_t step) { return std::log(schedule.beta(step)); };
  EXPECT_NEAR(summed_bound(bound, schedule, all_betas), 1.04867138, 1e-8);
  const double a = schedule.alpha_bar(0);
  const double of_x0 = kDataVariance * (1 - a) / (a * kDataVariance + 1 - a);
  const auto step_0 = [&](double log_variance) {
    return 0.5 * (log_variance + of_x0 / std::exp(log_variance)) / std::numbers::ln2;
  };
  const double ours = bound.large_log_variance(torch::tensor({int64_t{0}})).item<double>();
  EXPECT_NEAR(bounds.large - step_0(ours), 1.04867138 - step_0(std::log(schedule.beta(0))), 1e-8);
}

TEST(VariationalBound, HoldsForTenOfTheTimesteps) {
  std::vector<int64_t> kept;
  for (int64_t t = 0; t < 1000; t += 100)
    kept.push_back(t);
  const auto bounds = bounds_of(kept);
  EXPECT_NEAR(bounds.exact, 1.047096, 1e-6);
  EXPECT_NEAR(bounds.large, 1.182455, 1e-6);
  EXPECT_NEAR(bounds.small, 571.361, 1e-3);
}

TEST(VariationalBound, PriorTermIsThePublishedOne) {
  const VariationalBound bound(NoiseSchedule(DiffusionConfig()), kDouble);
  const double node = std::sqrt(kDataVariance);  // two nodes are exact for a square
  const auto x0 = torch::tensor({-node, node}, kDouble).view({2, 1, 1, 1});
  EXPECT_NEAR(bound.prior_term(x0).mean().item<double>(), 7.28e-6, 5e-9);
}

}  // namespace
}  // namespace ddpm
