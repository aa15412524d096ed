#pragma once

#include <cstdint>

#include "ddpm/diffusion/process.h"

namespace ddpm {

/// The noisiest timestep at which `level_of_timestep` shows a process.
int64_t last_timestep(const Process& process);

/// The noise level of timestep `t`, 0 ... `last_timestep`, for pictures of a process: discrete: its
/// own timesteps, 0 ... T-1; flow: sigma = t / T from the clean image to pure noise at t = T; edm,
/// which has no timesteps: even in sigma^(1/7) from sigma_min to sigma_max, 0 ... T-1, as sampling
/// spaces them (Karras et al., 2022, equation 5).
NoiseLevel level_of_timestep(const Process& process, int64_t t);

}  // namespace ddpm
