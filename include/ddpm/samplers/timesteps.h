#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// The timesteps at which the network is called, from noisy to clean: at most `options.steps`
/// numbers of 0 ... num_train_timesteps-1, strictly falling.
///
/// leading, trailing and linspace are diffusers' (linspace with one step starts at the noisy end);
/// uniform is floor(i T / S), which covers the whole range for every S; quad is the DDIM paper's
/// floor((i sqrt(0.8 T) / (S-1))^2), of which repeated values are left out. `UserError` if there
/// are more steps than timesteps or the offset leaves the range.
std::vector<int64_t> sampling_timesteps(const SampleConfig& options, int64_t num_train_timesteps);

}  // namespace ddpm
