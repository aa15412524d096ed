#include "ddpm/samplers/sampler.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/samplers/levels.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"
#include "tests/support/toy_denoiser.h"

namespace ddpm {
namespace {

SampleConfig unclipped(SamplerType sampler, TimestepSpacing spacing, int64_t steps) {
  SampleConfig options;
  options.sampler = sampler;
  options.timestep_spacing = spacing;
  options.steps = steps;
  options.clip_sample = false;
  return options;
}

TEST(Ddim, EndsWhereTheGaussianOracleSays) {
  const auto process = make_process(DiffusionConfig());
  const auto golden = load_json(test_data("schedules.json")).at("analytic");
  for (const auto& [spacing, by_steps] : golden.items()) {
    for (const auto& [steps, values] : by_steps.items()) {
      const auto options =
          unclipped(SamplerType::kDdim, *from_name<TimestepSpacing>(spacing), std::stoll(steps));
      const double x = end_of(*process, options, sampling_levels(*process, options),
                              gaussian_denoiser(0, 1), 1.0);
      EXPECT_NEAR(x, values.at("ddim").get<double>(), 1e-9) << spacing << steps;
    }
  }
}

TEST(DdpmSampler, EndsWithTheVarianceOfTheGaussianOracle) {
  const auto process = make_process(DiffusionConfig());
  const auto golden = load_json(test_data("schedules.json")).at("analytic").at("uniform");
  const auto variance = [&](SampleConfig options, VarianceType type) {
    options.variance_type = type;
    return final_variance(*process, options, sampling_levels(*process, options),
                          gaussian_denoiser(0, 1), 1.0);
  };
  for (const std::string steps : {"10", "20", "50"}) {
    const auto options =
        unclipped(SamplerType::kDdpm, TimestepSpacing::kUniform, std::stoll(steps));
    EXPECT_NEAR(variance(options, VarianceType::kFixedSmall),
                golden.at(steps).at("ddpm_variance_fixed_small").get<double>(), 1e-8);
    EXPECT_NEAR(variance(options, VarianceType::kFixedLarge), 0.9999, 1e-8);
  }
}

TEST(DdpmSampler, LearnedRangeReachesFromTheSmallToTheLargeVariance) {
  const auto process = make_process(DiffusionConfig());
  auto options = unclipped(SamplerType::kDdpm, TimestepSpacing::kUniform, 10);
  const auto levels = sampling_levels(*process, options);
  const auto variance = [&](VarianceType type, double v) {
    options.variance_type = type;
    const auto denoise = [v](const torch::Tensor& x, const NoiseLevel& level) {
      auto prediction = gaussian_denoiser(0, 1)(x, level);
      prediction.variance = torch::full_like(x, v);
      return prediction;
    };
    return final_variance(*process, options, levels, denoise, 1.0);
  };
  const double small = variance(VarianceType::kFixedSmall, 0);
  const double large = variance(VarianceType::kFixedLarge, 0);
  EXPECT_NEAR(variance(VarianceType::kLearnedRange, -1), small, 1e-12);
  EXPECT_NEAR(variance(VarianceType::kLearnedRange, 1), large, 1e-12);
  const double between = variance(VarianceType::kLearnedRange, 0.5);
  EXPECT_TRUE(small < between && between < large);
}

TEST(DdpmSampler, LearnedRangeWithoutALearnedVarianceIsRefused) {
  const auto process = make_process(DiffusionConfig());
  auto options = unclipped(SamplerType::kDdpm, TimestepSpacing::kUniform, 10);
  options.variance_type = VarianceType::kLearnedRange;
  EXPECT_THROW(
      end_of(*process, options, sampling_levels(*process, options), gaussian_denoiser(0, 1), 1.0),
      UserError);
}

class EverySampler : public testing::TestWithParam<SamplerType> {};

TEST_P(EverySampler, EndsOnAPointOfAMemorisedSet) {
  const auto points = torch::tensor({-1.0, 0.2, 0.9}, torch::kFloat64);
  for (const auto& type : kNames<ProcessType>) {
    DiffusionConfig diffusion;
    diffusion.process = type.value;
    const auto process = make_process(diffusion);
    auto options = unclipped(GetParam(), TimestepSpacing::kAuto, 50);
    options.variance_type = VarianceType::kFixedSmall;
    const auto levels = sampling_levels(*process, options);
    torch::manual_seed(1);
    const SamplerInputs inputs{.process = *process,
                               .options = options,
                               .levels = levels,
                               .denoise = memorising_denoiser(points),
                               .noise = [](int64_t) {
                                 return torch::randn({16, 1, 1, 1}, torch::kFloat64);
                               }};
    const auto start = torch::randn({16, 1, 1, 1}, torch::kFloat64);
    const auto end = run_sampler(inputs, start * process->start_scale(levels.front()));
    const auto distance = (end.view({-1, 1}) - points).abs().amin(1);
    EXPECT_LT(distance.max().item<double>(), 1e-2) << type.name;
  }
}

TEST_P(EverySampler, CallsTheNetworkAsOftenAsItSays) {
  const auto process = make_process(DiffusionConfig());
  const auto options = unclipped(GetParam(), TimestepSpacing::kAuto, 8);
  int64_t calls = 0;
  int64_t announced = 0;
  const SamplerInputs inputs{.process = *process,
                             .options = options,
                             .levels = sampling_levels(*process, options),
                             .denoise =
                                 [&](const torch::Tensor& x, const NoiseLevel& level) {
                                   ++calls;
                                   return gaussian_denoiser(0, 1)(x, level);
                                 },
                             .noise = [](int64_t) { return one(0); },
                             .on_step = [&](int64_t) { ++announced; }};
  run_sampler(inputs, one(1));
  EXPECT_EQ(calls, network_calls(*process, options));
  EXPECT_EQ(calls, announced);
}

std::vector<SamplerType> all_samplers() {
  std::vector<SamplerType> samplers;
  for (const auto& entry : kNames<SamplerType>)
    samplers.push_back(entry.value);
  return samplers;
}

INSTANTIATE_TEST_SUITE_P(Samplers, EverySampler, testing::ValuesIn(all_samplers()),
                         [](const auto& info) {
                           std::string name(to_name(info.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST(Ddim, FromAGivenNoiseEndsOnTheNearestPoints) {
  const auto process = make_process(DiffusionConfig());
  const auto denoise = memorising_denoiser(torch::tensor({-1.0, 0.2, 0.9}, torch::kFloat64));
  const auto options = unclipped(SamplerType::kDdim, TimestepSpacing::kUniform, 50);
  const auto levels = sampling_levels(*process, options);
  EXPECT_NEAR(end_of(*process, options, levels, denoise, -1.5), -1.0, 1e-2);
  EXPECT_NEAR(end_of(*process, options, levels, denoise, -0.2), 0.2, 1e-2);
  EXPECT_NEAR(end_of(*process, options, levels, denoise, 0.35), 0.2, 1e-2);
  EXPECT_NEAR(end_of(*process, options, levels, denoise, 2.0), 0.9, 1e-2);
}

TEST(Ddim, ReDerivedNoiseKeepsClippedImagesConsistent) {
  const auto process = make_process(DiffusionConfig());
  auto options = unclipped(SamplerType::kDdim, TimestepSpacing::kUniform, 10);
  options.clip_sample = true;
  const auto end = [&](bool re_derived) {
    options.use_clipped_model_output = re_derived;
    const auto half =
        make_denoiser(*process, [](const torch::Tensor& x, const NoiseLevel&) { return x * 0.5; });
    return end_of(*process, options, sampling_levels(*process, options),
                  with_clipping(half, options), 3.0);
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
  const auto process = make_process(config);
  const auto unet =
      load_network(open_model_folder(path), torch::kCPU, torch::MemoryFormat::Contiguous);
  const auto labels = find(golden, sampler + ".labels");
  const auto noise = find(golden, sampler + ".noise");
  std::vector<torch::Tensor> states;  // before each step
  const auto network = [&](const torch::Tensor& x, const NoiseLevel& level) {
    states.push_back(x);
    return unet->forward(x, torch::full({x.size(0)}, level.t), {labels});
  };
  const SamplerInputs inputs{.process = *process,
                             .options = options,
                             .levels = sampling_levels(*process, options),
                             .denoise = with_clipping(make_denoiser(*process, network), options),
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
