#include "ddpm/eval/variational_terms.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/gaussian_images.h"

namespace ddpm {
namespace {

const auto kTermDouble = torch::TensorOptions(torch::kFloat64);
constexpr double kDataVariance = 0.25;

/// Terms for data N(0, kDataVariance) are quadratic in x0 and the noise: three nodes for each give
/// their exact mean.
struct Nodes {
  Nodes() {
    const double root = std::sqrt(3.0);
    const auto nodes = torch::tensor({-root, 0.0, root}, kTermDouble);
    const auto weights = torch::tensor({1.0 / 6, 2.0 / 3, 1.0 / 6}, kTermDouble);
    x0 = (std::sqrt(kDataVariance) * nodes).repeat_interleave(3).view({9, 1, 1, 1});
    noise = nodes.repeat({3}).view({9, 1, 1, 1});
    mass = weights.repeat_interleave(3) * weights.repeat({3});
  }
  torch::Tensor x0;
  torch::Tensor noise;
  torch::Tensor mass;
};

enum class Reverse { kSmall, kLarge, kBeta, kExact };

/// v of the learned range that gives the exact variance of the reverse process.
torch::Tensor exact_v(const Process& process, const VariationalBound& bound,
                      const NoiseLevels& levels) {
  const auto timestep = static_cast<int64_t>(levels.t[0].item<double>());
  const auto& kept = bound.timesteps();
  const auto step = std::ranges::find(kept, timestep) - kept.begin();
  const auto alpha_bar = [&](int64_t i) {
    return i < 0 ? 1.0 : process.chain()->alpha_bar(kept[static_cast<size_t>(i)]);
  };
  const double a = alpha_bar(step);
  const double before = alpha_bar(step - 1);
  const double beta = 1 - a / before;
  const double x0_weight = std::sqrt(before) * beta / (1 - a);
  const double of_x0 = kDataVariance * (1 - a) / (a * kDataVariance + 1 - a);
  const double wanted = std::log(beta * (1 - before) / (1 - a) + x0_weight * x0_weight * of_x0);
  const auto small = bound.small_log_variance(torch::tensor({step})).item<double>();
  return torch::full({9, 1, 1, 1}, 2 * (wanted - small) / (std::log(beta) - small) - 1,
                     kTermDouble);
}

/// The expected bound of the exact denoiser, in bits.
double expected_bound(Reverse reverse, int64_t steps) {
  const auto process = make_process(DiffusionConfig());
  const VariationalBound bound(*process->chain(), kTermDouble, bound_timesteps(1000, steps));
  const Nodes nodes;
  const auto exact = GaussianImages({kDataVariance}).denoiser();
  const BatchDenoiser denoise = [&](const torch::Tensor& x, const NoiseLevels& levels,
                                    const torch::Tensor& rows) {
    auto prediction = exact(x, levels, rows);
    if (reverse == Reverse::kBeta) prediction.variance = torch::ones_like(x);
    if (reverse == Reverse::kExact) prediction.variance = exact_v(*process, bound, levels);
    return prediction;
  };
  auto total = bound.prior_term(nodes.x0);
  variational_terms(*process, bound, denoise, nodes.x0,
                    {.normal = [&](const torch::Tensor&) { return nodes.noise; }, .uniform = {}},
                    {.variance = reverse == Reverse::kSmall ? VarianceType::kFixedSmall
                                                            : VarianceType::kFixedLarge,
                     .clip_denoised = false,
                     .decoder = Decoder::kContinuous},
                    [&](const BoundTerm& term) { total += term.weight * term.bits; });
  return (nodes.mass * total).sum().item<double>();
}

TEST(VariationalTerms, AddUpToTheEntropyWithTheExactVariance) {
  const double entropy = GaussianImages({kDataVariance}).entropy();
  EXPECT_NEAR(entropy, 1.04709559, 1e-8);
  EXPECT_NEAR(expected_bound(Reverse::kExact, 0), entropy, 1e-7);
  EXPECT_NEAR(expected_bound(Reverse::kExact, 10), entropy, 1e-7);
}

TEST(VariationalTerms, AddUpToThePublishedBoundsOfOtherVariances) {
  EXPECT_NEAR(expected_bound(Reverse::kSmall, 0), 1.86932490, 1e-7);
  EXPECT_NEAR(expected_bound(Reverse::kBeta, 0), 1.04867138, 1e-7);
  // As that, but for step 0, which has the small variance: 0.25 and 1e-4 beside it.
  const double a = 1 - 1e-4;
  const double of_x0 = kDataVariance * (1 - a) / (a * kDataVariance + 1 - a);
  const auto step_0 = [&](double log_variance) {
    return 0.5 * (log_variance + of_x0 / std::exp(log_variance)) / std::numbers::ln2;
  };
  EXPECT_NEAR(expected_bound(Reverse::kLarge, 0),
              1.04867138 - step_0(std::log(1e-4)) + step_0(-9.8167251353), 1e-7);
}

TEST(VariationalTerms, FewerStepsCostBits) {
  EXPECT_GT(expected_bound(Reverse::kLarge, 10), 0.05 + expected_bound(Reverse::kLarge, 100));
}

TEST(VariationalTerms, PriorIsThePublishedHundredThousandth) {
  // Ho et al. (2020), section 4: L_T is about 1e-5 bits per dimension of images in [-1, 1].
  const VariationalBound bound(NoiseSchedule(DiffusionConfig()), kTermDouble);
  const double prior = bound.prior_term(torch::full({1, 3, 2, 2}, 0.6, kTermDouble)).item<double>();
  EXPECT_NEAR(prior, 1e-5, 0.5e-5);
}

TEST(VariationalTerms, DrawnStepsStandForAllOthers) {
  DiffusionConfig diffusion;
  diffusion.num_train_timesteps = 13;
  const auto process = make_process(diffusion);
  const VariationalBound bound(*process->chain(), kTermDouble);
  const auto denoise = GaussianImages({0.3}).denoiser();
  const auto x0 = torch::full({4, 1, 1, 1}, 0.4, kTermDouble);
  const auto bits = [&](int64_t draws) {
    auto sum = torch::zeros({4}, kTermDouble);
    int64_t calls = 0;
    // Image i takes step i of each part of four.
    variational_terms(*process, bound, denoise, x0,
                      {.normal = [&](const torch::Tensor&) { return torch::full_like(x0, 0.3); },
                       .uniform =
                           [](int64_t) {
                             return std::vector<double>{0.0, 0.26, 0.51, 0.99};
                           }},
                      {.draws = draws}, [&](const BoundTerm& term) {
                        sum += term.weight * term.bits;
                        ++calls;
                      });
    EXPECT_EQ(calls, draws == 0 ? 13 : draws + 1);
    return sum.mean().item<double>();
  };
  EXPECT_NEAR(bits(3), bits(0), 1e-12);
  EXPECT_NEAR(bits(12), bits(0), 1e-12);
}

TEST(VariationalTerms, ClipsPredictedImages) {
  const auto process = make_process(DiffusionConfig());
  const VariationalBound bound(*process->chain(), kTermDouble, bound_timesteps(1000, 5));
  const auto bits = [&](double prediction, bool clip) {
    double sum = 0.0;
    const BatchDenoiser denoise = [&](const torch::Tensor& x, const NoiseLevels&,
                                      const torch::Tensor&) {
      return Prediction{.x0 = torch::full_like(x, prediction), .eps = torch::zeros_like(x)};
    };
    variational_terms(*process, bound, denoise, -torch::ones({1, 1, 1, 1}, kTermDouble),
                      {.normal =
                           [](const torch::Tensor&) {
                             return torch::ones({1, 1, 1, 1});
                           },
                       .uniform = {}},
                      {.clip_denoised = clip},
                      [&](const BoundTerm& term) { sum += term.bits.item<double>(); });
    return sum;
  };
  EXPECT_EQ(bits(1.5, true), bits(1.0, false));
  EXPECT_GT(bits(1.5, false), bits(1.0, false));
}

TEST(VariationalTerms, TimestepsAreEvenFromTheFirstToTheLast) {
  EXPECT_EQ(bound_timesteps(1000, 10),
            (std::vector<int64_t>{0, 111, 222, 333, 444, 555, 666, 777, 888, 999}));
  EXPECT_EQ(bound_timesteps(5, 0), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(bound_timesteps(5, 1), (std::vector<int64_t>{4}));
}

}  // namespace
}  // namespace ddpm
