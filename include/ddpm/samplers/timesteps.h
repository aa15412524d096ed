#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// The timesteps of the discrete process at which the network is called, from noisy to clean: at
/// most `options.steps` numbers of 0 ... num_train_timesteps-1, strictly falling.
///
/// auto, leading, trailing and linspace are diffusers' (linspace with one step starts at the noisy
/// end), auto being trailing; uniform is floor(i T / S), which covers the whole range for every S;
/// quad is the DDIM paper's floor((i sqrt(0.8 T) / (S-1))^2), of which repeated values are left
/// out. For the samplers dpmpp-*, unipc and deis, diffusers' leading and linspace divide the range
/// into S + 1 parts and leave out the last, cleanest timestep; so do these. `UserError` if there
/// are more steps than timesteps or the offset leaves the range.
///
/// Adding a spacing takes a case in timesteps.cpp and its word in names.h.
std::vector<int64_t> sampling_timesteps(const SampleConfig& options, int64_t num_train_timesteps);

}  // namespace ddpm
