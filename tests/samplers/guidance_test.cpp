#include "ddpm/samplers/guidance.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/samplers/levels.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

/// A network that is told labels.
using LabelledNetwork = std::function<torch::Tensor(const torch::Tensor& x, const NoiseLevel& level,
                                                    const torch::Tensor& labels)>;

/// The network guided from one label for all images towards theirs.
RawDenoiser guide(const LabelledNetwork& network, const torch::Tensor& labels, int64_t other,
                  const SampleConfig& options) {
  const auto told = [=](const torch::Tensor& told_labels) -> RawDenoiser {
    return [=](const torch::Tensor& x, const NoiseLevel& level) {
      return network(x, level, told_labels);
    };
  };
  const auto both = torch::cat({torch::full_like(labels, other), labels});
  return with_guidance(told(labels), told(both), options);
}

/// Answers with each image's label, and counts calls and images.
struct LabelNetwork {
  int64_t calls = 0;
  int64_t images = 0;
  LabelledNetwork network() {
    return [this](const torch::Tensor& x, const NoiseLevel&, const torch::Tensor& labels) {
      ++calls;
      images += x.size(0);
      return labels.to(torch::kFloat32).view({-1, 1, 1, 1}).expand_as(x);
    };
  }
};

SampleConfig guided(double scale) {
  SampleConfig options;
  options.guidance = scale;
  return options;
}

const NoiseLevel kHalf{.alpha = 0.6, .sigma = 0.8, .t = 10, .progress = 0.5};

TEST(Guidance, MovesFromTheNullClassPastTheWantedOne) {
  LabelNetwork network;
  const auto denoise = guide(network.network(), torch::tensor({2, 5}), 10, guided(3.0));
  const auto y = denoise(torch::zeros({2, 1, 1, 1}), kHalf);
  EXPECT_FLOAT_EQ(y[0].item<float>(), 10 + 3 * (2 - 10));
  EXPECT_FLOAT_EQ(y[1].item<float>(), 10 + 3 * (5 - 10));
}

TEST(Guidance, IsOneCallOfTwiceTheImages) {
  LabelNetwork network;
  guide(network.network(), torch::tensor({2, 5}), 10, guided(3.0))(torch::zeros({2, 1, 1, 1}),
                                                                   kHalf);
  EXPECT_EQ(network.calls, 1);
  EXPECT_EQ(network.images, 4);
}

TEST(Guidance, OfOneIsTheConditionalNetworkAtHalfTheCost) {
  LabelNetwork network;
  const auto plain = guide(network.network(), torch::tensor({2, 5}), 10, guided(1.0));
  EXPECT_EQ(plain(torch::zeros({2, 1, 1, 1}), kHalf)[1].item<float>(), 5.0F);
  EXPECT_EQ(network.images, 2);
}

TEST(Guidance, AwayFromTheWantedClassItselfHasNoEffect) {
  LabelNetwork network;
  const auto denoise = guide(network.network(), torch::tensor({5}), 5, guided(7.0));
  EXPECT_EQ(denoise(torch::zeros({1, 1, 1, 1}), kHalf).item<float>(), 5.0F);
}

TEST(Guidance, OutsideTheIntervalIsTheConditionalNetworkAlone) {
  LabelNetwork network;
  auto options = guided(3.0);
  options.guidance_interval = {0.5, 1.2};
  const auto denoise = guide(network.network(), torch::tensor({2}), 10, options);
  EXPECT_EQ(denoise(torch::zeros({1, 1, 1, 1}), kHalf).item<float>(), 2.0F);  // 0.8 / 0.6
  EXPECT_EQ(network.images, 1);
  options.guidance_interval = {0.5, 1.4};
  const auto within = guide(network.network(), torch::tensor({2}), 10, options);
  EXPECT_EQ(within(torch::zeros({1, 1, 1, 1}), kHalf).item<float>(), 10 + 3 * (2 - 10));
}

TEST(Guidance, LeavesALearnedVarianceAsItIs) {
  const LabelledNetwork network = [](const torch::Tensor& x, const NoiseLevel&,
                                     const torch::Tensor& labels) {
    return labels.to(torch::kFloat32).view({-1, 1, 1, 1}).expand({x.size(0), 2, 1, 1});
  };
  const auto denoise = guide(network, torch::tensor({2}), 10, guided(3.0));
  const auto y = denoise(torch::zeros({1, 1, 1, 1}), kHalf);
  EXPECT_EQ(y[0][0].item<float>(), 10 + 3 * (2 - 10));
  EXPECT_EQ(y[0][1].item<float>(), 2.0F);
}

TEST(Guidance, FullyRescaledHasTheDeviationOfTheConditionalHalf) {
  torch::manual_seed(0);
  const auto answers = torch::randn({2, 3, 4, 4});
  const LabelledNetwork network = [&](const torch::Tensor&, const NoiseLevel&,
                                      const torch::Tensor&) { return answers; };
  auto options = guided(5.0);
  const auto x = torch::zeros({1, 3, 4, 4});
  const auto plain = guide(network, torch::tensor({2}), 10, options)(x, kHalf);
  options.guidance_rescale = 1.0;
  const auto full = guide(network, torch::tensor({2}), 10, options)(x, kHalf);
  EXPECT_NEAR(full.std().item<double>(), answers[1].std().item<double>(), 1e-5);
  options.guidance_rescale = 0.7;
  const auto part = guide(network, torch::tensor({2}), 10, options)(x, kHalf);
  EXPECT_TRUE(torch::allclose(part, 0.7 * full + 0.3 * plain, 1e-5, 1e-6));
}

TEST(GuidanceScale, OfEveryScheduleHasTheSameMean) {
  for (const auto schedule :
       {GuidanceSchedule::kConstant, GuidanceSchedule::kLinear, GuidanceSchedule::kCosine}) {
    auto options = guided(2.0);
    options.guidance_schedule = schedule;
    const GuidanceScale scale(options);
    double sum = 0;
    for (const auto& level : sampling_levels(*make_process(DiffusionConfig()), options)) {
      if (level.sigma > 0) sum += scale.at(level);
    }
    EXPECT_NEAR(sum / static_cast<double>(options.steps), 2.0, 1e-9);
  }
}

TEST(GuidanceScale, RampsStartWithoutGuidance) {
  auto options = guided(2.0);
  options.guidance_schedule = GuidanceSchedule::kLinear;
  EXPECT_EQ(GuidanceScale(options).at({.alpha = 0.1, .sigma = 1.0}), 1.0);
  EXPECT_EQ(GuidanceScale(options).at({.alpha = 1.0, .sigma = 0.1, .progress = 1.0}), 3.0);
}

TEST(GuidanceScale, ClampLinearIsLinearButNeverBelowItsClamp) {
  auto options = guided(3.0);
  options.guidance_schedule = GuidanceSchedule::kClampLinear;
  const auto at = [&](double progress) {
    return GuidanceScale(options).at({.alpha = 1.0, .sigma = 1.0, .progress = progress});
  };
  EXPECT_EQ(at(0.0), 2.0);  // half way from 1 to 3
  EXPECT_EQ(at(0.25), 2.0);
  EXPECT_EQ(at(0.5), 3.0);
  EXPECT_EQ(at(1.0), 5.0);
  options.guidance_clamp = 1.5;
  EXPECT_EQ(at(0.0), 1.5);
  options.guidance_clamp = 4.0;
  EXPECT_EQ(at(0.5), 4.0);
  EXPECT_EQ(at(1.0), 5.0);
}

/// Two classes with means -1 and 1 and variance 0.25, and what is exact for them.
constexpr double kVariance = 0.25;

torch::Tensor classifier_gradient(const torch::Tensor& x, const NoiseLevel& level) {
  const double total = level.alpha * level.alpha * kVariance + level.sigma * level.sigma;
  const double slope = 2.0 * level.alpha / total;
  return slope * (1.0 - torch::sigmoid(slope * x));
}

Denoiser mixture_denoiser() {
  return [](const torch::Tensor& x, const NoiseLevel& level) -> Prediction {
    const double total = level.alpha * level.alpha * kVariance + level.sigma * level.sigma;
    const auto weight = torch::sigmoid(2.0 * level.alpha / total * x);
    const auto plus = gaussian_denoiser(1, kVariance)(x, level);
    const auto minus = gaussian_denoiser(-1, kVariance)(x, level);
    return {.x0 = torch::lerp(minus.x0, plus.x0, weight),
            .eps = torch::lerp(minus.eps, plus.eps, weight)};
  };
}

double ddim_50(const Denoiser& denoise) {
  SampleConfig options;
  options.timestep_spacing = TimestepSpacing::kUniform;
  options.steps = 50;
  const auto process = make_process(DiffusionConfig());
  return end_of(*process, options, sampling_levels(*process, options), denoise, -.8);
}

TEST(ClassifierGuidance, OfScaleOneIsTheConditionalModel) {
  const auto level = make_process(DiffusionConfig())->level_at(400);
  EXPECT_NEAR(classifier_gradient(one(-.3), level).item<double>(), .5935367005, 1e-9);
  EXPECT_NEAR(mixture_denoiser()(one(-.3), level).eps.item<double>(), -.2443533929, 1e-9);
  const auto at_one = with_classifier_guidance(mixture_denoiser(), classifier_gradient, 1.0);
  const auto conditional = gaussian_denoiser(1, kVariance)(one(-.3), level);
  const auto guided_prediction = at_one(one(-.3), level);
  EXPECT_NEAR(guided_prediction.eps.item<double>(), -.7773572782, 1e-9);
  EXPECT_NEAR(guided_prediction.eps.item<double>(), conditional.eps.item<double>(), 1e-9);
  EXPECT_NEAR(guided_prediction.x0.item<double>(), conditional.x0.item<double>(), 1e-9);
}

TEST(ClassifierGuidance, LeadsTheChainAsTheOracleSays) {
  const auto end = [](double scale) {
    return ddim_50(with_classifier_guidance(mixture_denoiser(), classifier_gradient, scale));
  };
  EXPECT_NEAR(end(0), -1.0731043333, 1e-9);
  EXPECT_NEAR(end(1), .6184186824, 1e-9);
  EXPECT_NEAR(end(3), 1.2649904507, 1e-9);
}

TEST(ClassifierGuidance, LeavesPureNoiseAlone) {
  const auto denoise = [](const torch::Tensor& x, const NoiseLevel&) {
    return Prediction{.x0 = 0.5 * x, .eps = x, .variance = {}};
  };
  const auto silent = [](const torch::Tensor& x, const NoiseLevel&) {
    return torch::zeros_like(x);
  };
  const auto guided_denoise = with_classifier_guidance(denoise, silent, 2.0);
  const auto prediction = guided_denoise(one(.8), {.alpha = 0.0, .sigma = 1.0, .t = 999.0});
  EXPECT_NEAR(prediction.x0.item<double>(), .4, 1e-9);
}

/// The same as a network with the labels 1 and 0, no class, that predicts noise.
LabelledNetwork mixture_network() {
  return [](const torch::Tensor& x, const NoiseLevel& level, const torch::Tensor& labels) {
    const auto wanted = gaussian_denoiser(1, kVariance)(x, level).eps;
    const auto any = mixture_denoiser()(x, level).eps;
    return torch::where(labels.view({-1, 1, 1, 1}) == 1, wanted, any);
  };
}

double guided_end(const SampleConfig& options) {
  const auto process = make_process(DiffusionConfig());
  const auto network = guide(mixture_network(), torch::tensor({1}), 0, options);
  return ddim_50(make_denoiser(*process, network));
}

TEST(Guidance, LeadsTheChainAsClassifierGuidanceDoes) {
  EXPECT_NEAR(guided_end(guided(0)), -1.0731043333, 1e-6);
  EXPECT_NEAR(guided_end(guided(1)), .6184186824, 1e-9);
  EXPECT_NEAR(guided_end(guided(3)), 1.2649904507, 1e-9);
}

TEST(Guidance, WithinAnIntervalLeadsTheChainAsTheOracleSays) {
  auto options = guided(3);
  const auto ratio = [](double alpha_bar) { return std::sqrt((1 - alpha_bar) / alpha_bar); };
  options.guidance_interval = {ratio(0.6), ratio(0.05)};
  EXPECT_NEAR(guided_end(options), 1.1357115533, 1e-9);
  options.guidance_interval = {0.0, 1e9};
  EXPECT_EQ(guided_end(options), guided_end(guided(3)));
}

TEST(Autoguidance, MovesAwayFromTheWeakerModel) {
  const auto strong = gaussian_denoiser(1, kVariance);
  const auto weak = mixture_denoiser();
  EXPECT_NEAR(ddim_50(with_autoguidance(strong, weak, guided(3))), 1.2649904507, 1e-9);
  EXPECT_NEAR(ddim_50(with_autoguidance(strong, weak, guided(1))), .6184186824, 1e-9);
}

}  // namespace
}  // namespace ddpm
