#pragma once

#include "ddpm/config/config.h"

namespace ddpm {

/// The spacing of a sampler's steps that "auto" stands for: trailing; karras for EDM; logsnr for
/// heun on the discrete process, which averages slopes over sigma / alpha.
TimestepSpacing resolved_spacing(ProcessType process, const SampleConfig& options);

}  // namespace ddpm
