#include "ddpm/config/sampler_traits.h"

#include <algorithm>
#include <array>

#include "ddpm/config/process_traits.h"

namespace ddpm {
namespace {

constexpr auto kDpmppTypes = std::to_array<SolverType>({SolverType::kMidpoint, SolverType::kHeun});
constexpr auto kUniPcTypes = std::to_array<SolverType>({SolverType::kBh2, SolverType::kBh1});
constexpr auto kDeisTypes = std::to_array<SolverType>({SolverType::kLogRho, SolverType::kRho});

constexpr unsigned kSolver = kDividesByAlpha | kMultistepSpacing;
constexpr std::string_view kDpmScheduler = "DPMSolverMultistepScheduler";
constexpr std::string_view kDeisScheduler = "DEISMultistepScheduler";

constexpr SamplerTraits kSamplers[] = {
    {.type = SamplerType::kDdim, .traits = kTakesEta | kInvertible, .scheduler = "DDIMScheduler"},
    {.type = SamplerType::kDdpm,
     .traits = kTakesVarianceType | kNoisy,
     .scheduler = "DDPMScheduler"},
    {.type = SamplerType::kEuler,
     .traits = kTakesChurn | kFractionalLinspace | kInvertible,
     .scheduler = "EulerDiscreteScheduler"},
    {.type = SamplerType::kEulerAncestral,
     .traits = kFractionalLinspace | kNoisy,
     .scheduler = "EulerAncestralDiscreteScheduler"},
    {.type = SamplerType::kHeun,
     .traits = kTakesChurn | kDividesByScale | kFractionalLinspace,
     .calls_a_step = 2,
     .usual_spacing = TimestepSpacing::kLogSnr,  // even ones would begin with thousands of sigma
     .scheduler = "HeunDiscreteScheduler"},
    {.type = SamplerType::kDpmpp2m,
     .traits = kSolver,
     .usual_order = 2,
     .largest_order = 2,
     .solver_types = kDpmppTypes,
     .scheduler = kDpmScheduler,
     .algorithm_type = "dpmsolver++"},
    {.type = SamplerType::kDpmpp3m,
     .traits = kSolver,
     .usual_order = 3,
     .largest_order = 3,
     .solver_types = kDpmppTypes,
     .scheduler = kDpmScheduler,
     .algorithm_type = "dpmsolver++"},
    {.type = SamplerType::kDpmpp2mSde,
     .traits = kSolver | kNoisy,
     .usual_order = 2,
     .largest_order = 2,
     .solver_types = kDpmppTypes,
     .scheduler = kDpmScheduler,
     .algorithm_type = "sde-dpmsolver++"},
    {.type = SamplerType::kDpmpp3mSde,
     .traits = kSolver | kNoisy,
     .usual_order = 3,
     .largest_order = 3,
     .solver_types = kDpmppTypes,
     .scheduler = kDpmScheduler,
     .algorithm_type = "sde-dpmsolver++"},
    {.type = SamplerType::kUniPc,
     .traits = kSolver | kCorrects,
     .usual_order = 3,
     .largest_order = 3,
     .solver_types = kUniPcTypes,
     .scheduler = "UniPCMultistepScheduler"},
    {.type = SamplerType::kIpndm,
     .traits = kDividesByScale,
     .usual_order = 4,
     .largest_order = 4,
     .scheduler = kDeisScheduler},  // no twin; DEIS of the same order is nearest
    {.type = SamplerType::kDeis,
     .traits = kSolver,
     .usual_order = 3,
     .largest_order = 4,
     .solver_types = kDeisTypes,
     .scheduler = kDeisScheduler},
};

}  // namespace

bool SamplerTraits::takes_solver_type(SolverType solver) const {
  return solver == SolverType::kAuto ||
         std::ranges::find(solver_types, solver) != solver_types.end();
}

std::span<const SamplerTraits> sampler_traits() {
  return kSamplers;
}

const SamplerTraits& traits_of(SamplerType sampler) {
  return *std::ranges::find(kSamplers, sampler, &SamplerTraits::type);
}

SolverType resolved_solver_type(const SampleConfig& options) {
  const auto types = traits_of(options.sampler).solver_types;
  if (types.empty()) return SolverType::kAuto;
  return options.solver_type == SolverType::kAuto ? types.front() : options.solver_type;
}

TimestepSpacing resolved_spacing(ProcessType process, const SampleConfig& options) {
  if (options.timestep_spacing != TimestepSpacing::kAuto) return options.timestep_spacing;
  const auto usual = traits_of(process).usual_spacing;
  return usual == TimestepSpacing::kAuto ? traits_of(options.sampler).usual_spacing : usual;
}

}  // namespace ddpm
