#include "ddpm/samplers/timesteps.h"

#include <algorithm>
#include <cmath>

#include "ddpm/config/sampler_traits.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

/// Step i of S on T timesteps, counted from the clean end.
int64_t spaced_timestep(TimestepSpacing spacing, int64_t i, int64_t steps, int64_t timesteps) {
  const auto s = static_cast<double>(steps);
  const auto t = static_cast<double>(timesteps);
  const auto index = static_cast<double>(i);
  switch (spacing) {
    case TimestepSpacing::kLeading:
      return i * (timesteps / steps);
    case TimestepSpacing::kAuto:
    case TimestepSpacing::kTrailing: {
      const double from_end = static_cast<double>(steps - 1 - i) * t / s;
      return static_cast<int64_t>(std::nearbyint(t - from_end)) - 1;
    }
    case TimestepSpacing::kLinspace:
      if (steps == 1) return timesteps - 1;
      return static_cast<int64_t>(std::nearbyint(index * (t - 1) / (s - 1)));
    case TimestepSpacing::kQuad: {
      const double root = steps == 1 ? std::sqrt(0.8 * t) : index * std::sqrt(0.8 * t) / (s - 1);
      return static_cast<int64_t>(root * root + 1e-9);
    }
    case TimestepSpacing::kKarras:
    case TimestepSpacing::kLogSnr:
    case TimestepSpacing::kUniform:
      break;
  }
  return i * timesteps / steps;
}

}  // namespace

std::vector<int64_t> sampling_timesteps(const SampleConfig& options, int64_t num_train_timesteps) {
  if (options.steps < 1 || options.steps > num_train_timesteps) {
    throw UserError("`steps` must be between 1 and the model's ", num_train_timesteps,
                    " timesteps, got ", options.steps);
  }
  const auto spacing = options.timestep_spacing;
  const bool leaves_out_last =
      traits_of(options.sampler).has(kMultistepSpacing) &&
      (spacing == TimestepSpacing::kLeading || spacing == TimestepSpacing::kLinspace);
  const int64_t parts = options.steps + (leaves_out_last ? 1 : 0);
  std::vector<int64_t> timesteps;
  for (int64_t i = parts - 1; i >= parts - options.steps; --i) {
    int64_t t = spaced_timestep(spacing, i, parts, num_train_timesteps);
    if (spacing == TimestepSpacing::kLeading) t += options.steps_offset;
    if (timesteps.empty() || t < timesteps.back()) timesteps.push_back(t);
  }
  if (timesteps.front() >= num_train_timesteps) {
    throw UserError("sample.steps_offset ", options.steps_offset, " leads beyond the last of ",
                    num_train_timesteps, " timesteps");
  }
  return timesteps;
}

}  // namespace ddpm
