#include "ddpm/config/process_traits.h"

#include <algorithm>
#include <array>

namespace ddpm {
namespace {

constexpr auto kEdmSpacings = std::to_array<TimestepSpacing>(
    {TimestepSpacing::kAuto, TimestepSpacing::kKarras, TimestepSpacing::kLogSnr});
constexpr auto kFlowSpacings = std::to_array<TimestepSpacing>(
    {TimestepSpacing::kAuto, TimestepSpacing::kTrailing, TimestepSpacing::kLinspace,
     TimestepSpacing::kKarras, TimestepSpacing::kLogSnr});

// The distributions of noise levels that mean something for a process.
constexpr auto kEdmDraws = std::to_array<TimestepSampler>(
    {TimestepSampler::kAuto, TimestepSampler::kLogNormal, TimestepSampler::kStratified});
constexpr auto kFlowDraws =
    std::to_array<TimestepSampler>({TimestepSampler::kAuto, TimestepSampler::kUniform,
                                    TimestepSampler::kStratified, TimestepSampler::kLogitNormal});

constexpr ProcessTraits kProcesses[] = {
    {.type = ProcessType::kDiscrete, .has_timesteps = true},
    {.type = ProcessType::kEdm,
     .usual_spacing = TimestepSpacing::kKarras,
     .spacings = kEdmSpacings,
     .timestep_samplers = kEdmDraws},
    {.type = ProcessType::kFlow,
     .takes_churn = false,
     .usual_spacing = TimestepSpacing::kTrailing,
     .spacings = kFlowSpacings,
     .timestep_samplers = kFlowDraws},
};

template <typename E>
bool contains(std::span<const E> all, E value) {
  return all.empty() || std::ranges::find(all, value) != all.end();
}

}  // namespace

bool ProcessTraits::has_spacing(TimestepSpacing spacing) const {
  return contains(spacings, spacing);
}

bool ProcessTraits::has_timestep_sampler(TimestepSampler sampler) const {
  return contains(timestep_samplers, sampler);
}

const ProcessTraits& traits_of(ProcessType process) {
  return *std::ranges::find(kProcesses, process, &ProcessTraits::type);
}

}  // namespace ddpm
