#pragma once

#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/process.h"

namespace ddpm {

/// The noise levels that sampling passes through, from noisy to clean: one for each network call,
/// strictly falling, then the end, which is the clean image or with `final_sigmas_type: sigma_min`
/// the lowest level of the process. If the last call stands there already, multistep solvers, which
/// divide by the length of a step, leave that call out, but for unipc, which corrects by it.
///
/// The discrete process stands on the timesteps of `sampling_timesteps`, or on fractional ones for
/// karras and logsnr, and for linspace of the samplers euler, euler-ancestral and heun. The flow
/// process takes trailing (sigma = 1 - i/S) and linspace (1 ... 1/T), moved by `flow_shift`: s' =
/// shift s / (1 + (shift - 1) s). All take karras: even in sigma^(1/7) (Karras et al., 2022,
/// equation 5), and logsnr: even in log sigma (Lu et al., 2022), from the highest to the lowest
/// level, or between the ends of the spacing `grid_ends`. Sigma is here sigma / alpha, in flow
/// sigma itself. `check_sample` refuses a spacing that the process does not have.
///
/// Solvers that divide by alpha cannot start where it is 0. For them the level is moved as in
/// diffusers: alpha^2 = 2^-24 of the discrete process, sigma = 1 - 1/T of flow.
std::vector<NoiseLevel> sampling_levels(const Process& process, const SampleConfig& options);

}  // namespace ddpm
