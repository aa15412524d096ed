#include "ddpm/eval/bits_per_dim.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/model/unet.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

constexpr uint64_t kSeed = 40;

LikelihoodData golden_data(const nlohmann::json& row, const Signature& model) {
  const auto pixels = row.at("pixels").get<std::vector<int64_t>>();
  const auto images =
      torch::tensor(pixels, torch::kInt64)
          .view({2, model.data_channels, model.sample_size[0], model.sample_size[1]})
          .to(torch::kUInt8);
  const int64_t classes = row.at("classes");
  return {.images = images, .labels = classes > 0 ? torch::arange(2) % classes : torch::Tensor()};
}

/// `value` of the reference, by the network that it used.
BitsPerDim measured(const nlohmann::json& row, DiffusionConfig diffusion,
                    const BitsPerDimOptions& options) {
  const auto folder = open_model_folder(test_data("unet/" + row.at("unet").get<std::string>()));
  diffusion.prediction_type =
      *from_name<PredictionType>(row.at("prediction_type").get<std::string>());
  const auto unet = load_network(folder, torch::kCPU, torch::MemoryFormat::Contiguous);
  BitsPerDim result;
  measure_bits_per_dim(unet, diffusion, golden_data(row, folder.network.signature), options,
                       torch::kCPU, result);
  return result;
}

void expect_near(const std::vector<double>& ours, const nlohmann::json& reference, double within) {
  ASSERT_EQ(ours.size(), reference.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    const double value = reference[i];
    EXPECT_NEAR(ours[i], value, within * std::max(1.0, std::abs(value)));
  }
}

TEST(BitsPerDim, BoundAgreesWithTheReference) {
  const auto golden = load_json(test_data("likelihood.json")).at("bound");
  for (const auto& row : golden) {
    BitsPerDimOptions options{.seed = kSeed, .steps = row.at("steps"), .draws = row.at("draws")};
    options.clip_denoised = row.at("clip");
    if (row.at("variance") == "fixed_small") options.variance = VarianceType::kFixedSmall;
    const auto found = measured(row, {}, options);
    expect_near(found.prior, row.at("prior"), 1e-9);
    expect_near(found.steps, row.at("steps_bits"), 1e-4);
    expect_near(found.decoder, row.at("decoder"), 1e-4);
    for (size_t i = 0; i < found.table.size(); ++i) {
      double sum = 0.0;
      for (const double value : row.at("table")[i])
        sum += value;
      EXPECT_EQ(found.table[i].images, static_cast<int64_t>(row.at("table")[i].size()));
      EXPECT_NEAR(found.table[i].sum, sum, 1e-4 * std::max(1.0, sum));
    }
  }
}

class OdeGolden : public testing::TestWithParam<int> {};

TEST_P(OdeGolden, BitsAgreeWithTheReference) {
  const auto row = load_json(test_data("likelihood.json")).at("ode").at(GetParam());
  DiffusionConfig diffusion;
  diffusion.process = *from_name<ProcessType>(row.at("process").get<std::string>());
  BitsPerDimOptions options{.method = LikelihoodMethod::kOde, .seed = kSeed};
  options.trace = row.at("trace") == "exact"      ? Trace::kExact
                  : row.at("trace") == "gaussian" ? Trace::kGaussian
                                                  : Trace::kRademacher;
  options.probes = row.at("probes");
  options.repeats = row.at("repeats");
  if (row.at("heun") > 0) {
    options.ode.solver = OdeSolver::kHeun;
    options.ode.steps = row.at("heun");
  }
  // Two programs of adaptive steps agree within their tolerance alone.
  const double within = row.at("heun") > 0 ? 1e-4 : 1e-3;
  expect_near(measured(row, diffusion, options).bits, row.at("bits"), within);
}

INSTANTIATE_TEST_SUITE_P(Rows, OdeGolden, testing::Range(0, 5));

/// Random images for a random network.
struct Toy {
  Toy() {
    auto config = tiny_model();
    config.signature.sample_size = {4, 4};
    unet = UNet(config).ptr();
    unet->init_weights(1);
    torch::manual_seed(1);
    const torch::NoGradGuard no_grad;
    for (auto& parameter : unet->parameters())
      parameter.add_(0.1 * torch::randn_like(parameter));
    diffusion.prediction_type = PredictionType::kVPrediction;
    data = {.images = torch::randint(256, {5, 1, 4, 4}, torch::kUInt8),
            .labels = torch::tensor({0, 1, 2, 0, 1})};
  }
  BitsPerDim measure(
      const BitsPerDimOptions& options, const LikelihoodProgress& progress = [](double) {}) const {
    BitsPerDim result;
    measure_bits_per_dim(unet, diffusion, data, options, torch::kCPU, result, progress);
    return result;
  }
  Network unet;
  LikelihoodData data;
  DiffusionConfig diffusion;
};

BitsPerDimOptions quick(LikelihoodMethod method) {
  BitsPerDimOptions options{.method = method, .seed = 3, .steps = 20, .draws = 4};
  options.ode.solver = OdeSolver::kHeun;  // rk45 chooses steps by the last bits of the network
  options.ode.steps = 8;
  return options;
}

class BitsPerDimBy : public testing::TestWithParam<LikelihoodMethod> {};

TEST_P(BitsPerDimBy, DoesNotDependOnTheBatch) {
  const Toy toy;
  auto options = quick(GetParam());
  const auto together = toy.measure(options);
  options.batch_size = 2;
  const auto apart = toy.measure(options);
  ASSERT_EQ(together.bits.size(), 5);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(together.bits[i], apart.bits[i], 1e-4 * std::abs(apart.bits[i]));
  EXPECT_NE(together.bits[0], together.bits[3]);
  EXPECT_EQ(together.calls.size(), GetParam() == LikelihoodMethod::kOde ? 5 : 0);
}

TEST_P(BitsPerDimBy, GoesOnAfterAStopWithWhatFinishedBatchesGave) {
  const Toy toy;
  auto options = quick(GetParam());
  options.batch_size = 2;
  const auto whole = toy.measure(options);
  BitsPerDim result;
  const auto stop_in_second_batch = [](double done) {
    if (done > 0.5) throw std::runtime_error("stop");
  };
  EXPECT_THROW(measure_bits_per_dim(toy.unet, toy.diffusion, toy.data, options, torch::kCPU, result,
                                    stop_in_second_batch),
               std::runtime_error);
  EXPECT_EQ(result.bits.size(), 2);
  measure_bits_per_dim(toy.unet, toy.diffusion, toy.data, options, torch::kCPU, result);
  EXPECT_EQ(result.bits, whole.bits);
  EXPECT_EQ(result.steps, whole.steps);
  for (size_t i = 0; i < whole.table.size(); ++i)
    EXPECT_EQ(result.table[i].images, whole.table[i].images);
}

TEST_P(BitsPerDimBy, LeavesTheNetworkAsItWas) {
  const Toy toy;
  toy.measure(quick(GetParam()));
  for (const auto& parameter : toy.unet->parameters()) {
    EXPECT_TRUE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
}

TEST_P(BitsPerDimBy, TellsClassesAndNoClassApart) {
  Toy toy;
  const auto with = toy.measure(quick(GetParam()));
  toy.data.labels = torch::Tensor();
  const auto without = toy.measure(quick(GetParam()));
  toy.data.labels = torch::full({5}, 3, torch::kInt64);  // the row that means "no class"
  EXPECT_EQ(toy.measure(quick(GetParam())).bits, without.bits);
  EXPECT_NE(with.bits, without.bits);
}

TEST_P(BitsPerDimBy, TakesImagesAsBytesOrInUnitRange) {
  Toy toy;
  const auto bytes = toy.measure(quick(GetParam()));
  toy.data.images = toy.data.images.to(torch::kFloat32) / 127.5 - 1;
  EXPECT_EQ(toy.measure(quick(GetParam())).bits, bytes.bits);
}

TEST_P(BitsPerDimBy, ProgressRisesToOne) {
  const Toy toy;
  std::vector<double> shares;
  auto options = quick(GetParam());
  options.batch_size = 2;
  toy.measure(options, [&](double done) { shares.push_back(done); });
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_NEAR(shares.back(), 1.0, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Methods, BitsPerDimBy,
                         testing::Values(LikelihoodMethod::kBound, LikelihoodMethod::kOde),
                         [](const auto& info) {
                           return std::string(info.param == LikelihoodMethod::kOde ? "ode"
                                                                                   : "bound");
                         });

/// Both kinds of probes are unbiased, so that the mean of many nears the exact trace.
TEST(BitsPerDim, ManyProbesNearTheExactTrace) {
  const Toy toy;
  auto options = quick(LikelihoodMethod::kOde);
  options.ode = {.solver = OdeSolver::kHeun, .steps = 2};
  options.trace = Trace::kExact;
  const double exact = toy.measure(options).mean();
  for (const auto trace : {Trace::kRademacher, Trace::kGaussian}) {
    options.trace = trace;
    options.probes = 1;
    const double one = std::abs(toy.measure(options).mean() - exact);
    options.probes = 60;
    const double many = std::abs(toy.measure(options).mean() - exact);
    EXPECT_LT(many, 0.02);
    EXPECT_NE(many, one);
  }
}

TEST(BitsPerDim, PartsOfTheBoundAddUp) {
  const auto found = Toy().measure(quick(LikelihoodMethod::kBound));
  for (size_t i = 0; i < found.bits.size(); ++i)
    EXPECT_NEAR(found.bits[i], found.prior[i] + found.steps[i] + found.decoder[i], 1e-9);
  EXPECT_EQ(found.table.size(), 20);
  EXPECT_EQ(found.table.front().images, 5);
  EXPECT_EQ(found.table.back().timestep, 999);
}

TEST(BitsPerDim, WhatCannotBeMeasuredIsAnError) {
  Toy toy;
  const auto bound = quick(LikelihoodMethod::kBound);
  toy.diffusion.process = ProcessType::kFlow;
  EXPECT_THROW(toy.measure(bound), UserError);
  toy.diffusion.process = ProcessType::kDiscrete;
  auto options = bound;
  options.steps = 1001;
  EXPECT_THROW(toy.measure(options), UserError);
  options = bound;
  options.batch_size = 0;
  EXPECT_THROW(toy.measure(options), UserError);
  options = quick(LikelihoodMethod::kOde);
  options.lowest = 200;  // the schedule ends at 157
  EXPECT_THROW(toy.measure(options), UserError);
  options.lowest = 0;
  options.ode.rtol = 0;
  EXPECT_THROW(toy.measure(options), UserError);
  toy.data.labels = torch::tensor({0, 1, 2, 0, 4});
  EXPECT_THROW(toy.measure(bound), DataError);
  toy.data.images = toy.data.images.repeat({1, 3, 1, 1});
  EXPECT_THROW(toy.measure(bound), DataError);
}

TEST(BitsPerDim, MeanAndStandardErrorAreOverImages) {
  const BitsPerDim result{.bits = {1.0, 2.0, 6.0}};
  EXPECT_DOUBLE_EQ(result.mean(), 3.0);
  EXPECT_DOUBLE_EQ(result.standard_error(), std::sqrt(7.0 / 3));
  EXPECT_EQ(BitsPerDim{.bits = {4.0}}.standard_error(), 0.0);
}

}  // namespace
}  // namespace ddpm
