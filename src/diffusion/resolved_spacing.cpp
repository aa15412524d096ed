#include "ddpm/diffusion/resolved_spacing.h"

namespace ddpm {

TimestepSpacing resolved_spacing(ProcessType process, const SampleConfig& options) {
  if (options.timestep_spacing != TimestepSpacing::kAuto) return options.timestep_spacing;
  if (process == ProcessType::kEdm) return TimestepSpacing::kKarras;
  // Heun's first even steps would span thousands of sigma / alpha.
  const bool heun = options.sampler == SamplerType::kHeun;
  return heun && process == ProcessType::kDiscrete ? TimestepSpacing::kLogSnr
                                                   : TimestepSpacing::kTrailing;
}

}  // namespace ddpm
