#pragma once

#include <span>

#include "ddpm/config/config.h"

namespace ddpm {

/// What settings must know of a process; its mathematics is in diffusion/process.h.
struct ProcessTraits {
  ProcessType type;
  bool has_timesteps = false;  // a chain of them, with betas and a variational bound
  bool takes_churn = true;     // noise may be raised above every level
  TimestepSpacing usual_spacing = TimestepSpacing::kAuto;   // auto: the sampler's usual one
  std::span<const TimestepSpacing> spacings = {};           // empty: all
  std::span<const TimestepSampler> timestep_samplers = {};  // empty: all

  bool has_spacing(TimestepSpacing spacing) const;
  bool has_timestep_sampler(TimestepSampler sampler) const;
};

/// The row of `process`.
const ProcessTraits& traits_of(ProcessType process);

}  // namespace ddpm
