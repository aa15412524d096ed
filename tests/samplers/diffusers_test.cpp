#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/samplers/levels.h"
#include "ddpm/samplers/sampler.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

const nlohmann::json& schedulers() {
  static const auto all = load_json(test_data("samplers/schedulers.json"));
  return all;
}

const NamedTensors& golden() {
  static const auto all = load_safetensors(test_data("samplers/golden.safetensors"));
  return all;
}

/// What the network was given at each call, as it saw it, and told; and the end.
struct Run {
  std::vector<torch::Tensor> inputs;
  std::vector<double> times;
  torch::Tensor final;
};

Run run_of(const DiffusionConfig& diffusion, const SampleConfig& options) {
  const torch::NoGradGuard no_grad;
  const auto process = make_process(diffusion);
  const auto unet = load_network(open_model_folder(test_data("unet/bfloat16_class")), torch::kCPU,
                                 torch::MemoryFormat::Contiguous);
  Run run;
  const auto network = [&](const torch::Tensor& x, const NoiseLevel& level) {
    run.inputs.push_back(x * process->input_scale(level));
    run.times.push_back(level.t);
    const auto t = torch::full({x.size(0)}, level.t);
    return unet->forward(run.inputs.back(), t, {golden().at("labels")});
  };
  const auto levels = sampling_levels(*process, options);
  const auto& noise = golden().at("variance_noise");
  const SamplerInputs inputs{.process = *process,
                             .options = options,
                             .levels = levels,
                             .denoise = with_clipping(make_denoiser(*process, network), options),
                             .noise = [&](int64_t step) { return noise[step]; }};
  run.final = run_sampler(inputs, golden().at("noise") * process->start_scale(levels.front()));
  return run;
}

void expect_agrees(const Run& ours, const std::string& name) {
  const auto inputs = golden().at(name + ".inputs");
  const auto times = golden().at(name + ".times");
  ASSERT_EQ(static_cast<int64_t>(ours.inputs.size()), inputs.size(0));
  for (int64_t i = 0; i < inputs.size(0); ++i) {
    const auto index = static_cast<size_t>(i);
    EXPECT_NEAR(ours.times[index], times[i].item<double>(), 2e-3) << "call " << i;
    EXPECT_LT(relative_difference(ours.inputs[index], inputs[i]), 1e-4) << "call " << i;
  }
  EXPECT_LT(relative_difference(ours.final, golden().at(name + ".final")), 1e-4);
}

class DiffusersScheduler : public testing::TestWithParam<std::string> {};

TEST_P(DiffusersScheduler, ItsConfigSamplesAsItDoes) {
  DiffusionConfig diffusion;
  SampleConfig options;
  scheduler_config_from_json(schedulers().at(GetParam()), GetParam(), diffusion, options);
  options.steps = 10;
  expect_agrees(run_of(diffusion, options), GetParam());
}

/// What is written tells the same, so that diffusers goes on sampling as its author meant.
TEST_P(DiffusersScheduler, ItsConfigWrittenAgainMeansTheSame) {
  DiffusionConfig diffusion;
  SampleConfig options;
  scheduler_config_from_json(schedulers().at(GetParam()), GetParam(), diffusion, options);
  const auto written = scheduler_config_to_json(diffusion, options);
  DiffusionConfig diffusion_back;
  SampleConfig options_back;
  scheduler_config_from_json(written, GetParam(), diffusion_back, options_back);
  options.steps = options_back.steps = 10;
  const auto first = run_of(diffusion, options);
  const auto second = run_of(diffusion_back, options_back);
  EXPECT_LT(relative_difference(second.final, first.final), 1e-5);
}

std::vector<std::string> scheduler_names() {
  std::vector<std::string> names;
  for (const auto& [name, config] : schedulers().items())
    names.push_back(name);
  return names;
}

std::string test_name(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, DiffusersScheduler, testing::ValuesIn(scheduler_names()),
                         [](const auto& info) { return test_name(info.param); });

/// The settings of the loops over formulas in make_sampler_golden.py.
DiffusionConfig formula_diffusion() {
  DiffusionConfig diffusion;
  diffusion.beta_end = 0.008;
  return diffusion;
}

SampleConfig formula_options(SamplerType sampler) {
  SampleConfig options;
  options.sampler = sampler;
  options.steps = 10;
  options.timestep_spacing = TimestepSpacing::kTrailing;
  options.clip_sample = false;
  return options;
}

/// Of 15 steps, which do not divide 1000, diffusers' DDIM takes t - 1000 // 15 for the timestep
/// that follows t; the next of the list is right.
TEST(PublishedFormulas, OfDdimWhereStepsDoNotDivideTheTimesteps) {
  auto options = formula_options(SamplerType::kDdim);
  options.steps = 15;
  const auto run = run_of(formula_diffusion(), options);
  expect_agrees(run, "ddim-list");
  EXPECT_GT(relative_difference(run.final, golden().at("ddim-stride.final")), 1e-3);
}

TEST(PublishedFormulas, OfIpndm) {
  auto options = formula_options(SamplerType::kIpndm);
  for (options.order = 1; options.order <= 4; ++options.order)
    expect_agrees(run_of(formula_diffusion(), options), "ipndm-" + std::to_string(options.order));
}

TEST(PublishedFormulas, OfDeisInRho) {
  auto options = formula_options(SamplerType::kDeis);
  options.solver_type = SolverType::kRho;
  for (options.order = 1; options.order <= 4; ++options.order)
    expect_agrees(run_of(formula_diffusion(), options),
                  "deis-rho-" + std::to_string(options.order));
}

TEST(PublishedFormulas, OfHeunWithChurn) {
  auto options = formula_options(SamplerType::kHeun);
  options.s_churn = 3.0;
  options.s_noise = 1.003;
  expect_agrees(run_of(formula_diffusion(), options), "heun-churn");
}

}  // namespace
}  // namespace ddpm
