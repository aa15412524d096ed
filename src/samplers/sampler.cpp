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

/// What there is to know about a sampler.
struct Row {
  SamplerType type;
  Run run;
  bool divides_by_alpha;
  bool has_flow_coordinates;  // in which it does not
  bool multistep;             // takes diffusers' multistep spacings
  bool fractions;             // in the spacing linspace, as diffusers' twin
};

constexpr Row kSamplers[] = {
    {SamplerType::kDdim, linear<ddim_rule>, false, false, false, false},
    {SamplerType::kDdpm, run_ddpm, false, false, false, false},
    {SamplerType::kEuler, run_euler, false, false, false, true},
    {SamplerType::kEulerAncestral, linear<euler_ancestral_rule>, false, false, false, true},
    {SamplerType::kHeun, run_heun, true, true, false, true},
    {SamplerType::kDpmpp2m, linear<dpmpp_2m_rule>, true, false, true, false},
    {SamplerType::kDpmpp3m, linear<dpmpp_3m_rule>, true, false, true, false},
    {SamplerType::kDpmpp2mSde, linear<dpmpp_2m_sde_rule>, true, false, true, false},
    {SamplerType::kDpmpp3mSde, linear<dpmpp_3m_sde_rule>, true, false, true, false},
    {SamplerType::kUniPc, run_unipc, true, false, true, false},
    {SamplerType::kIpndm, linear<ipndm_rule>, true, true, false, false},
    {SamplerType::kDeis, linear<deis_rule>, true, false, true, false},
};

const Row& row_of(SamplerType sampler) {
  return *std::ranges::find(kSamplers, sampler, &Row::type);
}

}  // namespace

bool needs_signal(SamplerType sampler, ProcessType process) {
  const auto& row = row_of(sampler);
  return row.divides_by_alpha && !(row.has_flow_coordinates && process == ProcessType::kFlow);
}

bool is_multistep(SamplerType sampler) {
  return row_of(sampler).multistep;
}

bool has_fractional_linspace(SamplerType sampler) {
  return row_of(sampler).fractions;
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

}  // namespace ddpm
