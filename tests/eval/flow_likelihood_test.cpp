#include "ddpm/eval/flow_likelihood.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/gaussian_images.h"
#include "tests/support/processes.h"

namespace ddpm {
namespace {

const auto kDouble = torch::TensorOptions(torch::kFloat64);
const OdeOptions kTight{.rtol = 1e-9, .atol = 1e-9};

/// log density of images under the model of the exact flow, which stretches each axis of the data
/// as their noisy standard deviation grows.
torch::Tensor model_log_density(const GaussianImages& data, const Process& process,
                                const torch::Tensor& x0) {
  const ProbabilityFlow flow(process);
  const auto low = flow.level(flow.from());
  const auto high = flow.level(flow.to());
  const auto deviation = [&](const NoiseLevel& level) {
    return (level.alpha * level.alpha * data.table + level.sigma * level.sigma).sqrt();
  };
  const auto stretch = deviation(high) / deviation(low) * low.alpha;
  const double scale = process.start_scale(high);
  const auto z = torch::matmul(x0, data.axes).flatten(1) * stretch / scale;
  return (-0.5 * (z.square() + std::log(2 * std::numbers::pi)) + torch::log(stretch / scale))
      .sum(1);
}

FlowLikelihood exact_likelihood(const GaussianImages& data, const Process& process,
                                const torch::Tensor& x0, const OdeOptions& options) {
  const ProbabilityFlow flow(process);
  return flow_log_density(flow, process, data.denoiser(), x0, {}, Trace::kExact, options);
}

class FlowLikelihoodOf : public testing::TestWithParam<ProcessType> {};

TEST_P(FlowLikelihoodOf, GaussianImagesIsThatOfTheExactFlow) {
  const auto process = process_of(GetParam());
  const GaussianImages data({0.02, 0.25, 0.7});
  const auto x0 = torch::tensor({0.3, -0.2, 0.9, 0.0, 0.0, 0.0}, kDouble).view({2, 1, 1, 3});
  const auto found = exact_likelihood(data, *process, x0, kTight);
  EXPECT_TRUE(torch::allclose(found.log_density, model_log_density(data, *process, x0), 0, 1e-6))
      << found.log_density << model_log_density(data, *process, x0);
  EXPECT_GT(found.calls[0], 20);
}

TEST_P(FlowLikelihoodOf, GaussianImagesHasTheEntropyAsItsMean) {
  const auto process = process_of(GetParam());
  const GaussianImages data({0.25});
  const double node = std::sqrt(0.25);  // log density is quadratic: two nodes are exact
  const auto x0 = torch::tensor({-node, node}, kDouble).view({2, 1, 1, 1});
  const auto found = exact_likelihood(data, *process, x0, kTight);
  const double bits = -found.log_density.mean().item<double>() / std::numbers::ln2;
  EXPECT_NEAR(bits, data.entropy(), 2e-5);
}

TEST_P(FlowLikelihoodOf, HeunConvergesWithOrderTwo) {
  const auto process = process_of(GetParam());
  const GaussianImages data({0.25});
  const auto x0 = torch::full({1, 1, 1, 1}, 0.3, kDouble);
  const double exact = model_log_density(data, *process, x0).item<double>();
  const auto error = [&](int64_t steps) {
    const auto found =
        exact_likelihood(data, *process, x0, {.solver = OdeSolver::kHeun, .steps = steps});
    EXPECT_EQ(found.calls[0], 2 * steps);
    return std::abs(found.log_density.item<double>() - exact);
  };
  EXPECT_LT(error(200), 2e-3);
  EXPECT_NEAR(std::log2(error(200) / error(400)), 2.0, 0.2);
}

/// All sign vectors together have the identity as their second moment, and so has this multiple of
/// the unit vectors: over either, the mean of the estimates is the trace itself.
TEST_P(FlowLikelihoodOf, MeanOverBalancedProbesIsTheExactOne) {
  const auto process = process_of(GetParam());
  const ProbabilityFlow flow(*process);
  const GaussianImages data({0.02, 0.7});
  const auto x0 = torch::tensor({0.3, -0.2}, kDouble).view({1, 1, 1, 2});
  const auto exact = exact_likelihood(data, *process, x0, kTight);
  const auto signs = torch::tensor({1., 1., 1., -1., -1., 1., -1., -1.}, kDouble);
  const auto axes = std::sqrt(2.0) * torch::eye(2, kDouble);
  for (const auto& probes : {signs.view({4, 1, 1, 1, 2}), axes.view({2, 1, 1, 1, 2})}) {
    const auto found =
        flow_log_density(flow, *process, data.denoiser(), x0, probes, Trace::kRademacher, kTight);
    EXPECT_NEAR(found.log_density.item<double>(), exact.log_density.item<double>(), 1e-6);
    const auto one = flow_log_density(flow, *process, data.denoiser(), x0, probes.narrow(0, 0, 1),
                                      Trace::kRademacher, kTight);
    EXPECT_GT(std::abs(one.log_density.item<double>() - exact.log_density.item<double>()), 0.01);
  }
}

INSTANTIATE_TEST_SUITE_P(Processes, FlowLikelihoodOf,
                         testing::Values(ProcessType::kDiscrete, ProcessType::kEdm,
                                         ProcessType::kFlow),
                         [](const auto& info) {
                           return std::string(info.param == ProcessType::kDiscrete ? "discrete"
                                              : info.param == ProcessType::kEdm    ? "edm"
                                                                                   : "flow");
                         });

/// Song et al.'s variance-preserving SDE from beta 0.1 to 20 in its usual thousand steps; published
/// values for data N(0, 0.25), where the path starts at 1e-5 and ours at the first timestep.
TEST(FlowLikelihood, OfTheLinearScheduleIsThePublishedOne) {
  const auto process = process_of(ProcessType::kDiscrete);
  const auto x0 = torch::tensor({0.0, 0.3, 1.0}, kDouble).view({3, 1, 1, 1});
  const auto found = exact_likelihood(GaussianImages({0.25}), *process, x0, kTight);
  EXPECT_NEAR(found.log_density[0].item<double>(), -0.2258, 1e-3);
  EXPECT_NEAR(found.log_density[1].item<double>(), -0.40580, 1e-3);
  EXPECT_NEAR(found.log_density[2].item<double>(), -2.22574, 1e-3);
  EXPECT_NEAR(found.latents[1].item<double>(), 0.59998938, 2e-4);
}

TEST(FlowLikelihood, StartsWhereItIsTold) {
  const auto process = process_of(ProcessType::kEdm);
  const ProbabilityFlow flow(*process, 0.1);
  EXPECT_EQ(flow.from(), 0.1);
  EXPECT_EQ(flow.to(), 80.0);
  const auto flow_process = process_of(ProcessType::kFlow);
  EXPECT_NEAR(ProbabilityFlow(*flow_process, 0.25).level(0.2).ratio(), 0.25, 1e-12);
}

TEST(FlowLikelihood, RunsToPureNoiseOfAScheduleRescaledToIt) {
  DiffusionConfig diffusion;
  diffusion.rescale_betas_zero_snr = true;
  const auto process = make_process(diffusion);
  const GaussianImages data({0.25});
  const auto x0 = torch::full({1, 1, 1, 1}, 0.3, kDouble);
  const auto found = exact_likelihood(data, *process, x0, kTight);
  EXPECT_NEAR(found.log_density.item<double>(),
              -0.5 * std::log(2 * std::numbers::pi * 0.25) - 0.5 * 0.09 / 0.25, 1e-3);
}

}  // namespace
}  // namespace ddpm
