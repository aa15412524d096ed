#include "ddpm/eval/ode.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

const auto kOdeDouble = torch::TensorOptions(torch::kFloat64);

/// y' = -rate_row y + cos(s), y(0) = 1 for rows of different stiffness.
torch::Tensor rates() {
  return torch::tensor({1.0, 30.0}, kOdeDouble).unsqueeze(1);
}

torch::Tensor pulled(const torch::Tensor& y, const torch::Tensor& s, const torch::Tensor& rows) {
  return torch::cos(s).unsqueeze(1) - rates().index_select(0, rows) * y;
}

double exact_end(double rate, double s) {
  const double settled = (rate * std::cos(s) + std::sin(s)) / (rate * rate + 1);
  return settled + (1 - rate / (rate * rate + 1)) * std::exp(-rate * s);
}

OdeResult solved(double tolerance) {
  return integrate(pulled, torch::ones({2, 1}, kOdeDouble), 0.0, 2.0,
                   {.rtol = tolerance, .atol = tolerance});
}

TEST(Ode, Rk45EndsWithinItsTolerance) {
  for (const double tolerance : {1e-4, 1e-7, 1e-10}) {
    const auto y = solved(tolerance).y;
    EXPECT_NEAR(y[0].item<double>(), exact_end(1, 2), 3 * tolerance);
    EXPECT_NEAR(y[1].item<double>(), exact_end(30, 2), 3 * tolerance);
  }
}

TEST(Ode, Rk45HasOrderFive) {
  const OdeFunction wave = [](const torch::Tensor& y, const torch::Tensor& s,
                              const torch::Tensor&) { return torch::cos(s).unsqueeze(1) + 0 * y; };
  const auto calls = [&](double tolerance) {
    const OdeOptions options{.rtol = tolerance, .atol = tolerance};
    return static_cast<double>(
        integrate(wave, torch::ones({1, 1}, kOdeDouble), 0.0, 50.0, options).calls[0]);
  };
  EXPECT_NEAR(calls(1e-11) / calls(1e-6), 10, 2);  // 1e5 times as accurate
}

TEST(Ode, StiffRowsTakeMoreCallsThanTheirNeighbours) {
  const auto result = solved(1e-6);
  EXPECT_GT(result.calls[1], 2 * result.calls[0]);
}

TEST(Ode, EndOfARowDoesNotDependOnItsNeighbours) {
  const auto both = solved(1e-6);
  const auto alone =
      integrate([](const torch::Tensor& y, const torch::Tensor& s,
                   const torch::Tensor&) { return torch::cos(s).unsqueeze(1) - 30 * y; },
                torch::ones({1, 1}, kOdeDouble), 0.0, 2.0, {.rtol = 1e-6, .atol = 1e-6});
  EXPECT_EQ(alone.y[0].item<double>(), both.y[1].item<double>());
  EXPECT_EQ(alone.calls[0], both.calls[1]);
}

TEST(Ode, HeunHasOrderTwoOnABentGrid) {
  const auto error = [](int64_t steps) {
    const auto y = integrate(pulled, torch::ones({2, 1}, kOdeDouble), 0.0, 2.0,
                             {.solver = OdeSolver::kHeun, .steps = steps, .rho = 2.0})
                       .y;
    return std::abs(y[0].item<double>() - exact_end(1, 2));
  };
  EXPECT_NEAR(std::log2(error(100) / error(200)), 2.0, 0.05);
}

TEST(Ode, HeunCallsTwiceAStep) {
  const auto result = integrate(pulled, torch::ones({2, 1}, kOdeDouble), 0.0, 1.0,
                                {.solver = OdeSolver::kHeun, .steps = 7});
  EXPECT_EQ(result.calls, (std::vector<int64_t>{14, 14}));
}

TEST(Ode, ColumnsBeyondTheSplitCountAsMuchAsTheOthers) {
  // 99 columns at rest and one that moves: together they hide it, apart they do not.
  const OdeFunction wave = [](const torch::Tensor& y, const torch::Tensor& s,
                              const torch::Tensor&) {
    auto slope = torch::zeros_like(y);
    slope.select(1, 99).copy_(10 * torch::cos(10 * s));
    return slope;
  };
  const auto calls = [&](int64_t split) {
    return integrate(wave, torch::ones({1, 100}, kOdeDouble), 0.0, 3.0, {.split = split}).calls[0];
  };
  EXPECT_GT(calls(99), calls(0));
}

TEST(Ode, TellsHowFarTheLastRowIs) {
  std::vector<double> shares;
  integrate(pulled, torch::ones({2, 1}, kOdeDouble), 0.0, 1.0, {},
            [&](double share) { shares.push_back(share); });
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_LT(shares.front(), 0.5);
}

TEST(Ode, ValuesThatAreNotFiniteAreAnError) {
  const OdeFunction broken = [](const torch::Tensor& y, const torch::Tensor& s,
                                const torch::Tensor&) {
    return y / (s.item<double>() < 0.5 ? 1.0 : 0.0);
  };
  EXPECT_THROW(integrate(broken, torch::ones({1, 1}, kOdeDouble), 0.0, 1.0, {}), UserError);
}

}  // namespace
}  // namespace ddpm
