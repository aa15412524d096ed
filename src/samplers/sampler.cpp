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
  bool noisy;                 // whatever its options are
};

constexpr Row kSamplers[] = {
    {SamplerType::kDdim, linear<ddim_rule>, false, false, false, false},
    {SamplerType::kDdpm, run_ddpm, false, false, false, true},
    {SamplerType::kEuler, run_euler, false, false, false, false},
    {SamplerType::kEulerAncestral, linear<euler_ancestral_rule>, false, false, false, true},
    {SamplerType::kHeun, run_heun, true, true, false, false},
    {SamplerType::kDpmpp2m, linear<dpmpp_2m_rule>, true, false, true, false},
    {SamplerType::kDpmpp3m, linear<dpmpp_3m_rule>, true, false, true, false},
    {SamplerType::kDpmpp2mSde, linear<dpmpp_2m_sde_rule>, true, false, true, true},
    {SamplerType::kDpmpp3mSde, linear<dpmpp_3m_sde_rule>, true, false, true, true},
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
  return !row_of(options.sampler).noisy && options.eta == 0.0 && options.s_churn == 0.0;
}

}  // namespace ddpm
