#include "ddpm/sample/generator.h"

#include <numeric>

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/model/precision.h"
#include "ddpm/model/signature.h"
#include "tests/support/golden.h"
#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

SampleConfig of_steps(int64_t steps) {
  SampleConfig options;
  options.steps = steps;
  return options;
}

torch::Tensor draw(const SampleConfig& options, std::vector<uint64_t> seeds,
                   Precision precision = Precision::kFloat32) {
  auto unet = random_unet();
  convert_parameters(*unet, precision);
  Generator generator(unet, DiffusionConfig(), options, torch::kCPU);
  const auto labels = cycle_labels(tiny_model().signature, {1}, static_cast<int64_t>(seeds.size()));
  return generator.generate({.seeds = std::move(seeds), .labels = labels, .initial_noise = {}});
}

class GeneratorSamplers : public testing::TestWithParam<SamplerType> {};

TEST_P(GeneratorSamplers, ImagesDoNotDependOnTheirBatch) {
  SampleConfig options;
  options.sampler = GetParam();
  options.steps = 8;
  options.guidance = 2.0;
  const auto all = draw(options, {10, 11, 12, 13, 14, 15, 16, 17});
  for (int64_t i = 0; i < 8; ++i) {
    const auto alone = draw(options, {10 + static_cast<uint64_t>(i)});
    EXPECT_LT(relative_difference(alone[0], all[i]), 1e-5) << i;
  }
}

std::vector<SamplerType> all_samplers() {
  std::vector<SamplerType> samplers;
  for (const auto& entry : kNames<SamplerType>)
    samplers.push_back(entry.value);
  return samplers;
}

INSTANTIATE_TEST_SUITE_P(Samplers, GeneratorSamplers, testing::ValuesIn(all_samplers()));

TEST(Generator, DrawsFromEveryProcess) {
  for (const auto& process : kNames<ProcessType>) {
    DiffusionConfig diffusion;
    diffusion.process = process.value;
    const auto options = of_steps(4);
    Generator generator(random_unet(), diffusion, options, torch::kCPU);
    const auto images = generator.generate({.seeds = {1}, .labels = {1}, .initial_noise = {}});
    EXPECT_TRUE(images.isfinite().all().item<bool>()) << process.name;
    EXPECT_LE(images.abs().max().item<double>(), 1.0) << process.name;
  }
}

TEST(Generator, GuidedAwayFromItselfIsNotGuided) {
  auto options = of_steps(4);
  options.clip_sample = false;
  const GenerationRequest request{.seeds = {1, 2}, .labels = {1, 2}, .initial_noise = {}};
  Generator plain(random_unet(), DiffusionConfig(), options, torch::kCPU);
  const auto expected = plain.generate(request);
  options.guidance = 3.0;
  Generator guided(random_unet(), DiffusionConfig(), options, torch::kCPU);
  EXPECT_GT(relative_difference(guided.generate(request), expected), 1e-3);
  guided.guide_with(random_unet(), DiffusionConfig());
  EXPECT_LT(relative_difference(guided.generate(request), expected), 1e-5);
}

/// The gradient of a classifier that likes bright images, by a backward pass.
torch::Tensor brightness_gradient(const torch::Tensor& x, const NoiseLevel&,
                                  const torch::Tensor& labels) {
  const auto leaf = x.detach().requires_grad_();
  const auto score = (leaf.mean({1, 2, 3}) * labels).sum();
  return torch::autograd::grad({score}, {leaf})[0];
}

TEST(Generator, FollowsAClassifiersGradient) {
  const auto options = of_steps(8);
  const GenerationRequest request{.seeds = {1}, .labels = {1}, .initial_noise = {}};
  Generator generator(random_unet(), DiffusionConfig(), options, torch::kCPU);
  const double plain = generator.generate(request).mean().item<double>();
  generator.guide_by_classifier(brightness_gradient, 20.0);
  EXPECT_GT(generator.generate(request).mean().item<double>(), plain + 0.05);
  generator.guide_by_classifier(brightness_gradient, 0.0);
  EXPECT_NEAR(generator.generate(request).mean().item<double>(), plain, 1e-6);
}

TEST(Generator, KeepsImagesInRangeUnderAnyClassifier) {
  DiffusionConfig cosine;
  cosine.beta_schedule = BetaSchedule::kCosine;
  Generator generator(random_unet(), cosine, of_steps(8), torch::kCPU);
  generator.guide_by_classifier(brightness_gradient, 1e5);
  const GenerationRequest request{.seeds = {1}, .labels = {1}, .initial_noise = {}};
  EXPECT_LE(generator.generate(request).abs().max().item<double>(), 1.0 + 1e-6);
}

TEST(Generator, SameSeedsGiveTheSameBits) {
  const auto options = of_steps(4);
  EXPECT_TRUE(torch::equal(draw(options, {1, 2}), draw(options, {1, 2})));
  EXPECT_FALSE(torch::equal(draw(options, {1, 2}), draw(options, {3, 4})));
}

TEST(Generator, Bfloat16StaysCloseToFloat32) {
  const auto options = of_steps(4);
  const auto exact = draw(options, {1, 2});
  const auto half = draw(options, {1, 2}, Precision::kBFloat16);
  EXPECT_LT(((half - exact).abs().mean() / exact.abs().mean()).item<double>(), 0.05);
}

}  // namespace
}  // namespace ddpm
