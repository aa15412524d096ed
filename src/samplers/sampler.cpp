#include "ddpm/samplers/sampler.h"

#include <algorithm>

#include "ddpm/config/sampler_traits.h"
#include "ddpm/samplers/levels.h"
#include "ddpm/samplers/linear.h"

namespace ddpm {
namespace {

using Run = torch::Tensor (*)(const SamplerInputs&, torch::Tensor);

template <LinearRule kRule>
torch::Tensor linear(const SamplerInputs& inputs, torch::Tensor x) {
  return run_linear(kRule, inputs, x);
}

torch::Tensor run_ddpm(const SamplerInputs& inputs, torch::Tensor x) {
  const bool learned = inputs.options.variance_type == VarianceType::kLearnedRange;
  return learned ? run_ddpm_learned(inputs, std::move(x)) : run_linear(ddpm_rule, inputs, x);
}

struct Row {
  SamplerType type;
  Run run;
};

constexpr Row kSamplers[] = {
    {SamplerType::kDdim, linear<ddim_rule>},
    {SamplerType::kDdpm, run_ddpm},
    {SamplerType::kEuler, run_euler},
    {SamplerType::kEulerAncestral, linear<euler_ancestral_rule>},
    {SamplerType::kHeun, run_heun},
    {SamplerType::kDpmpp2m, linear<dpmpp_rule>},
    {SamplerType::kDpmpp3m, linear<dpmpp_rule>},
    {SamplerType::kDpmpp2mSde, linear<dpmpp_sde_rule>},
    {SamplerType::kDpmpp3mSde, linear<dpmpp_sde_rule>},
    {SamplerType::kUniPc, run_unipc},
    {SamplerType::kIpndm, linear<ipndm_rule>},
    {SamplerType::kDeis, linear<deis_rule>},
};

}  // namespace

int64_t network_calls(const Process& process, const SampleConfig& options) {
  const auto levels = sampling_levels(process, options);
  const auto steps = static_cast<int64_t>(levels.size()) - 1;
  const int64_t calls = traits_of(options.sampler).calls_a_step;
  return (steps - 1) * calls + (levels.back().sigma > 0 ? calls : 1);
}

torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x) {
  return std::ranges::find(kSamplers, inputs.options.sampler, &Row::type)->run(inputs, x);
}

torch::Tensor run_sampler_part(const SamplerInputs& inputs, LevelRange range, int64_t number,
                               const torch::Tensor& x) {
  const auto at = [&](size_t i) { return inputs.levels.begin() + static_cast<std::ptrdiff_t>(i); };
  SampleConfig options = inputs.options;
  options.s_churn *=
      static_cast<double>(range.last - range.first) / static_cast<double>(inputs.levels.size() - 1);
  const SamplerInputs part{
      .process = inputs.process,
      .options = options,
      .levels = {at(range.first), at(range.last + 1)},
      .denoise = inputs.denoise,
      .noise = [&](int64_t step) { return inputs.noise(number + step); },
      .on_step = [&](int64_t step) { inputs.on_step(number + step); },
  };
  return run_sampler(part, x);
}

bool is_deterministic(const SampleConfig& options) {
  return !traits_of(options.sampler).has(kNoisy) && options.eta == 0.0 && options.s_churn == 0.0;
}

}  // namespace ddpm
