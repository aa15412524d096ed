#include "ddpm/samplers/levels.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/config/process_traits.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/samplers/timesteps.h"

namespace ddpm {
namespace {

constexpr double kKarrasRho = 7.0;

using Levels = std::vector<NoiseLevel>;

/// A chain at a fraction of a timestep as in diffusers' Euler and Heun: sigma / alpha, not its
/// logarithm, is linear between the neighbours.
NoiseLevel level_between(const Process& process, double t) {
  const double below = std::floor(t);
  if (t == below) return process.level_at(t);
  const double low = process.level_at(below).ratio();
  const double high = process.level_at(below + 1.0).ratio();
  auto level = process.level_of_ratio(low + (t - below) * (high - low));
  level.t = t;
  return level;
}

/// The levels of spacings that count timesteps.
Levels timestep_levels(const Process& process, const SampleConfig& options) {
  const int64_t size = process.chain()->size();
  const auto timesteps = sampling_timesteps(options, size);
  const bool fractions = options.timestep_spacing == TimestepSpacing::kLinspace &&
                         traits_of(options.sampler).has(kFractionalLinspace) &&
                         timesteps.size() > 1;
  const auto last = static_cast<double>(size - 1);
  const auto gaps = static_cast<double>(timesteps.size() - 1);
  Levels levels;
  for (size_t i = 0; i < timesteps.size(); ++i) {
    const double share = static_cast<double>(i) / gaps;
    levels.push_back(fractions ? level_between(process, last - last * share)
                               : process.level_at(static_cast<double>(timesteps[i])));
  }
  return levels;
}

/// The first and the last level that a grid spans.
Levels grid_ends(const Process& process, const SampleConfig& options) {
  Levels ends{process.highest_level(), process.lowest_level()};
  if (process.chain() != nullptr && options.grid_ends != TimestepSpacing::kAuto) {
    auto plain = options;
    plain.timestep_spacing = options.grid_ends;
    const auto levels = timestep_levels(process, plain);
    ends = {levels.front(), levels.back()};
  }
  if (!process.ode().reaches_noise()) ends.front() = process.with_signal(ends.front());
  return ends;
}

/// Between the ends of the grid, evenly in a power or the logarithm of the ODE's u.
Levels spread_levels(const Process& process, TimestepSpacing spacing, const SampleConfig& options) {
  const int64_t steps = options.steps;
  const auto bend = [&](double u) {
    return spacing == TimestepSpacing::kKarras ? std::pow(u, 1.0 / kKarrasRho) : std::log(u);
  };
  const auto unbend = [&](double y) {
    return spacing == TimestepSpacing::kKarras ? std::pow(y, kKarrasRho) : std::exp(y);
  };
  const auto ends = grid_ends(process, options);
  const double high = bend(process.ode().u(ends.front()));
  const double low = bend(process.ode().u(ends.back()));
  Levels levels{ends.front()};
  for (int64_t i = 1; i + 1 < steps; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(steps - 1);
    levels.push_back(process.level_at_u(unbend(high + share * (low - high))));
  }
  if (steps > 1) levels.push_back(ends.back());
  return levels;
}

/// Even in the ODE's u from pure noise, where it is 1, and moved by `flow_shift`.
Levels even_levels(const Process& process, const SampleConfig& options) {
  const auto timesteps = static_cast<double>(process.config().num_train_timesteps);
  const auto steps = static_cast<double>(options.steps);
  const bool linspace = options.timestep_spacing == TimestepSpacing::kLinspace;
  Levels levels;
  for (int64_t i = 0; i < options.steps; ++i) {
    const auto index = static_cast<double>(i);
    double u = 1.0 - index / steps;
    if (linspace) u = 1.0 - (steps > 1 ? index / (steps - 1) * (1.0 - 1.0 / timesteps) : 0.0);
    levels.push_back(
        process.level_at_u(options.flow_shift * u / (1.0 + (options.flow_shift - 1.0) * u)));
  }
  return levels;
}

Levels network_levels(const Process& process, const SampleConfig& options) {
  const auto type = process.config().process;
  const auto spacing = resolved_spacing(type, options);
  if (spacing == TimestepSpacing::kKarras || spacing == TimestepSpacing::kLogSnr)
    return spread_levels(process, spacing, options);
  if (process.chain() != nullptr) return timestep_levels(process, options);
  TORCH_CHECK(traits_of(type).has_spacing(spacing), "the process has no timesteps to space");
  return even_levels(process, options);
}

/// Whether the sampler divides by alpha on this process, and so cannot start where it is 0.
bool needs_signal(SamplerType sampler, const Process& process) {
  const auto& traits = traits_of(sampler);
  return traits.has(kDividesByAlpha) ||
         (traits.has(kDividesByScale) && !process.ode().reaches_noise());
}

}  // namespace

std::vector<NoiseLevel> sampling_levels(const Process& process, const SampleConfig& options) {
  auto levels = network_levels(process, options);
  if (needs_signal(options.sampler, process)) levels.front() = process.with_signal(levels.front());
  const double calls = static_cast<double>(levels.size());
  for (size_t i = 1; i < levels.size(); ++i)
    levels[i].progress = static_cast<double>(i) / (calls - 1);
  NoiseLevel end;
  if (options.final_sigmas_type == FinalSigma::kSigmaMin) {
    end = process.lowest_level();
    const bool stands_there = levels.size() > 1 && !(end.sigma < levels.back().sigma);
    const auto& traits = traits_of(options.sampler);
    if (stands_there && traits.has(kMultistepSpacing) && !traits.has(kCorrects)) levels.pop_back();
  }
  end.progress = 1.0;
  levels.push_back(end);
  return levels;
}

}  // namespace ddpm
