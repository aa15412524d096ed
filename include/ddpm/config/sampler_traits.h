#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ddpm/config/config.h"

namespace ddpm {

/// What some samplers are or take and others not; bits of a set.
enum SamplerTrait : unsigned {
  kTakesEta = 1 << 0,            // the setting sample.eta
  kTakesChurn = 1 << 1,          // sample.s_churn
  kTakesVarianceType = 1 << 2,   // sample.variance_type
  kNoisy = 1 << 3,               // adds noise whatever its options are
  kDividesByAlpha = 1 << 4,      // and so cannot start from noise alone
  kDividesByScale = 1 << 5,      // by alpha where the ODE of the process has it in its coordinates
  kMultistepSpacing = 1 << 6,    // takes diffusers' multistep spacings
  kFractionalLinspace = 1 << 7,  // does not round the timesteps of linspace, as diffusers' twin
  kCorrects = 1 << 8,            // has a use for a network call at the level where it ends
  kInvertible = 1 << 9,          // without noise its steps are DDIM's, which can be inverted
};

/// What settings and files must know of a sampler; its steps are in samplers/sampler.cpp.
struct SamplerTraits {
  SamplerType type;
  unsigned traits = 0;
  int64_t usual_order = 0;  // of a multistep solver; 0: it has no choice
  int64_t largest_order = 0;
  std::span<const SolverType> solver_types = {};  // the usual one first; empty: it has no choice
  int64_t calls_a_step = 1;                       // of the network; a step to the clean image has 1
  TimestepSpacing usual_spacing = TimestepSpacing::kTrailing;  // on a chain of timesteps
  std::string_view scheduler = {};  // diffusers' class for a chain of timesteps, or the nearest
  std::string_view algorithm_type = {};  // its word for the solver, where that class has several

  bool has(SamplerTrait trait) const { return (traits & trait) != 0; }
  /// Whether `sample.solver_type` may be `type`; auto always may.
  bool takes_solver_type(SolverType type) const;
};

/// The rows of all samplers, and that of `sampler`.
std::span<const SamplerTraits> sampler_traits();
const SamplerTraits& traits_of(SamplerType sampler);

/// The solver type that "auto" stands for: the sampler's usual one, or auto if it has none.
SolverType resolved_solver_type(const SampleConfig& options);

/// The spacing of a sampler's steps that "auto" stands for: karras for EDM, trailing for flow, and
/// on the discrete process the sampler's usual one: trailing, or logsnr for heun, which averages
/// slopes over sigma / alpha.
TimestepSpacing resolved_spacing(ProcessType process, const SampleConfig& options);

}  // namespace ddpm
