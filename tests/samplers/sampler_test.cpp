#include "ddpm/samplers/sampler.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/guidance.h"
#include "ddpm/samplers/timesteps.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

/// The exact predictor for data N(0, 1): eps(x, t) = sqrt(1 - alpha_bar) x.
Denoiser exact_denoiser(const NoiseSchedule& schedule) {
  return [&schedule](const torch::Tensor& x, int64_t t) {
    return std::sqrt(1 - schedule.alpha_bar(t)) * x;
  };
}

SampleConfig unclipped(SamplerType sampler, TimestepSpacing spacing, int64_t steps) {
  SampleConfig options;
  options.sampler = sampler;
  options.timestep_spacing = spacing;
  options.steps = steps;
  options.clip_sample = false;
  return options;
}

TEST(Ddim, EndsWhereTheGaussianOracleSays) {
  const NoiseSchedule schedule{DiffusionConfig()};
  const auto golden = load_json(test_data("schedules.json")).at("analytic");
  for (const auto& [spacing, by_steps] : golden.items()) {
    for (const auto& [steps, values] : by_steps.items()) {
      const auto options =
          unclipped(SamplerType::kDdim, *from_name<TimestepSpacing>(spacing), std::stoll(steps));
      const SamplerInputs inputs{.schedule = schedule,
                                 .options = options,
                                 .denoise = exact_denoiser(schedule),
                                 .noise = {}};
      const auto x = run_sampler(inputs, torch::ones({1, 1, 1, 1}, torch::kFloat64));
      EXPECT_NEAR(x.item<double>(), values.at("ddim").get<double>(), 1e-9) << spacing << steps;
    }
  }
}

/// Variance of the end of a linear chain: propagates x = 1 without noise, and each noise alone.
double final_variance(const NoiseSchedule& schedule, const SampleConfig& options) {
  const auto run = [&](double start, int64_t noisy_step) {
    const SamplerInputs inputs{
        .schedule = schedule,
        .options = options,
        .denoise = exact_denoiser(schedule),
        .noise = [&](int64_t step) {
          return torch::full({1, 1, 1, 1}, step == noisy_step ? 1.0 : 0.0, torch::kFloat64);
        }};
    return run_sampler(inputs, torch::full({1, 1, 1, 1}, start, torch::kFloat64)).item<double>();
  };
  double variance = std::pow(run(1.0, -1), 2);
  for (int64_t step = 0; step < options.steps; ++step)
    variance += std::pow(run(0.0, step), 2);
  return variance;
}

TEST(DdpmSampler, EndsWithTheVarianceOfTheGaussianOracle) {
  const NoiseSchedule schedule{DiffusionConfig()};
  const auto golden = load_json(test_data("schedules.json")).at("analytic").at("uniform");
  for (const std::string steps : {"10", "20", "50"}) {
    auto options = unclipped(SamplerType::kDdpm, TimestepSpacing::kUniform, std::stoll(steps));
    options.variance_type = VarianceType::kFixedSmall;
    EXPECT_NEAR(final_variance(schedule, options),
                golden.at(steps).at("ddpm_variance_fixed_small").get<double>(), 1e-8);
    options.variance_type = VarianceType::kFixedLarge;
    EXPECT_NEAR(final_variance(schedule, options), 0.9999, 1e-8);
  }
}

TEST(Samplers, EndOnAPointOfAMemorisedSet) {
  const NoiseSchedule schedule{DiffusionConfig()};
  const auto points = torch::tensor({-1.0, 0.2, 0.9}, torch::kFloat64);
  const Denoiser memory = [&](const torch::Tensor& x, int64_t t) {
    const double a = schedule.alpha_bar(t);
    const auto distance = (x.view({-1, 1}) - std::sqrt(a) * points).square();
    const auto x0 = (torch::softmax(-distance / (2 * (1 - a)), 1) * points).sum(1).view_as(x);
    return (x - std::sqrt(a) * x0) / std::sqrt(1 - a);
  };
  const auto options = unclipped(SamplerType::kDdim, TimestepSpacing::kUniform, 50);
  const SamplerInputs inputs{
      .schedule = schedule, .options = options, .denoise = memory, .noise = {}};
  const auto start = torch::tensor({-1.5, -0.2, 0.35, 2.0}, torch::kFloat64).view({4, 1, 1, 1});
  const auto expected = torch::tensor({-1.0, 0.2, 0.2, 0.9}, torch::kFloat64).view({4, 1, 1, 1});
  EXPECT_TRUE(torch::allclose(run_sampler(inputs, start), expected, 0, 1e-2));
}

TEST(Ddim, ReDerivedNoiseKeepsClippedImagesConsistent) {
  const NoiseSchedule schedule{DiffusionConfig()};
  auto options = unclipped(SamplerType::kDdim, TimestepSpacing::kUniform, 10);
  options.clip_sample = true;
  const auto end = [&](bool re_derived) {
    options.use_clipped_model_output = re_derived;
    const SamplerInputs inputs{.schedule = schedule,
                               .options = options,
                               .denoise = [](const torch::Tensor& x, int64_t) { return x * 0.5; },
                               .noise = {}};
    return run_sampler(inputs, torch::full({1, 1, 1, 1}, 3.0, torch::kFloat64)).item<double>();
  };
  EXPECT_NE(end(true), end(false));
  EXPECT_LE(std::abs(end(true)), 1.0);
}

class TrajectoryGolden : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

SampleConfig sample_options(const nlohmann::json& golden, const std::string& sampler) {
  SampleConfig options;
  options.sampler = *from_name<SamplerType>(sampler);
  options.steps = golden.at("steps");
  options.clip_sample = golden.at("clip_sample");
  options.timestep_spacing =
      *from_name<TimestepSpacing>(golden.at("timestep_spacing").get<std::string>());
  options.use_clipped_model_output = false;
  options.eta = golden.value("eta", 0.0);
  const auto variance = golden.value("variance_type", "fixed_large");
  options.variance_type = *from_name<VarianceType>(variance);
  return options;
}

DiffusionConfig diffusion_options(const nlohmann::json& golden) {
  DiffusionConfig config;
  config.num_train_timesteps = golden.at("num_train_timesteps");
  config.beta_start = golden.at("beta_start");
  config.beta_end = golden.at("beta_end");
  config.beta_schedule = *from_name<BetaSchedule>(golden.at("beta_schedule").get<std::string>());
  config.prediction_type =
      *from_name<PredictionType>(golden.at("prediction_type").get<std::string>());
  return config;
}

TEST_P(TrajectoryGolden, AgreesWithDiffusersAlongTheWay) {
  const torch::NoGradGuard no_grad;
  const auto [name, sampler] = GetParam();
  const auto path = test_data("unet/" + name);
  const auto all = load_json(path / "golden.json");
  const auto golden = load_safetensors(path / "golden.safetensors");
  const auto config = diffusion_options(all.at(sampler));
  const auto options = sample_options(all.at(sampler), sampler);
  const NoiseSchedule schedule(config);
  auto unet = load_unet(load_pipeline_folder(path), torch::kCPU, torch::MemoryFormat::Contiguous);
  const auto labels = find(golden, sampler + ".labels");
  const auto noise = find(golden, sampler + ".noise");
  std::vector<torch::Tensor> states;  // before each step
  const SamplerInputs inputs{.schedule = schedule,
                             .prediction_type = config.prediction_type,
                             .options = options,
                             .denoise =
                                 [&](const torch::Tensor& x, int64_t t) {
                                   states.push_back(x);
                                   return unet->forward(x, torch::full({x.size(0)}, t), labels);
                                 },
                             .noise = [&](int64_t step) { return noise[step]; }};
  const auto final = run_sampler(inputs, golden.at(sampler + ".x_T"));
  EXPECT_LT(relative_difference(final, golden.at(sampler + ".final")), 1e-4);
  const auto steps = golden.at(sampler + ".state_steps");
  for (int64_t i = 0; i < steps.size(0); ++i) {
    const auto& ours = states.at(static_cast<size_t>(steps[i].item<int64_t>()));
    EXPECT_LT(relative_difference(ours, golden.at(sampler + ".states")[i]), 1e-4);
  }
}

/// The golden models that give as many channels as they take.
std::vector<std::string> sampling_unets() {
  auto names = golden_unets();
  std::erase(names, "bare_wide");
  return names;
}

INSTANTIATE_TEST_SUITE_P(Diffusers, TrajectoryGolden,
                         testing::Combine(testing::ValuesIn(sampling_unets()),
                                          testing::Values("ddim", "ddpm")),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace ddpm
