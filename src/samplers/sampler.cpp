#include "ddpm/samplers/sampler.h"

#include <algorithm>

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

enum Trait : unsigned {
  kPlain = 0,
  kDividesByAlpha = 1,
  kFlowCoordinates = 2,  // in which it does not
  kMultistep = 4,        // takes diffusers' multistep spacings
  kFractions = 8,        // in the spacing linspace, as diffusers' twin
  kNoisy = 16,           // whatever its options are
};

/// What there is to know about a sampler.
struct Row {
  SamplerType type;
  Run run;
  unsigned traits;
};

constexpr Row kSamplers[] = {
    {SamplerType::kDdim, linear<ddim_rule>, kPlain},
    {SamplerType::kDdpm, run_ddpm, kNoisy},
    {SamplerType::kEuler, run_euler, kFractions},
    {SamplerType::kEulerAncestral, linear<euler_ancestral_rule>, kFractions | kNoisy},
    {SamplerType::kHeun, run_heun, kDividesByAlpha | kFlowCoordinates | kFractions},
    {SamplerType::kDpmpp2m, linear<dpmpp_2m_rule>, kDividesByAlpha | kMultistep},
    {SamplerType::kDpmpp3m, linear<dpmpp_3m_rule>, kDividesByAlpha | kMultistep},
    {SamplerType::kDpmpp2mSde, linear<dpmpp_2m_sde_rule>, kDividesByAlpha | kMultistep | kNoisy},
    {SamplerType::kDpmpp3mSde, linear<dpmpp_3m_sde_rule>, kDividesByAlpha | kMultistep | kNoisy},
    {SamplerType::kUniPc, run_unipc, kDividesByAlpha | kMultistep},
    {SamplerType::kIpndm, linear<ipndm_rule>, kDividesByAlpha | kFlowCoordinates},
    {SamplerType::kDeis, linear<deis_rule>, kDividesByAlpha | kMultistep},
};

const Row& row_of(SamplerType sampler) {
  return *std::ranges::find(kSamplers, sampler, &Row::type);
}

bool has(SamplerType sampler, Trait trait) {
  return (row_of(sampler).traits & trait) != 0;
}

}  // namespace

bool needs_signal(SamplerType sampler, ProcessType process) {
  return has(sampler, kDividesByAlpha) &&
         !(has(sampler, kFlowCoordinates) && process == ProcessType::kFlow);
}

bool is_multistep(SamplerType sampler) {
  return has(sampler, kMultistep);
}

bool has_fractional_linspace(SamplerType sampler) {
  return has(sampler, kFractions);
}

int64_t network_calls(const Process& process, const SampleConfig& options) {
  const auto levels = sampling_levels(process, options);
  const auto steps = static_cast<int64_t>(levels.size()) - 1;
  if (options.sampler != SamplerType::kHeun) return steps;
  return 2 * steps - (levels.back().sigma > 0 ? 0 : 1);
}

torch::Tensor run_sampler(const SamplerInputs& inputs, const torch::Tensor& x) {
  return row_of(inputs.options.sampler).run(inputs, x);
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
  return !has(options.sampler, kNoisy) && options.eta == 0.0 && options.s_churn == 0.0;
}

}  // namespace ddpm
