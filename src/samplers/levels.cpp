#include "ddpm/samplers/levels.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/diffusion/resolved_spacing.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/samplers/timesteps.h"

namespace ddpm {
namespace {

constexpr double kKarrasRho = 7.0;
constexpr double kSmallestAlphaBar = 1.0 / (1 << 24);

using Levels = std::vector<NoiseLevel>;

/// `level`, or the nearest whose alpha is not 0.
NoiseLevel with_signal(const Process& process, const NoiseLevel& level) {
  if (level.alpha > 0) return level;
  if (process.type() == ProcessType::kFlow) return process.level_at(level.t - 1.0);
  return {.alpha = std::sqrt(kSmallestAlphaBar),
          .sigma = std::sqrt(1.0 - kSmallestAlphaBar),
          .t = level.t};
}

double grid_variable(const Process& process, const NoiseLevel& level) {
  return process.type() == ProcessType::kFlow ? level.sigma : level.ratio();
}

NoiseLevel level_on_grid(const Process& process, double variable) {
  if (process.type() != ProcessType::kFlow) return process.level_of_ratio(variable);
  return process.level_at(variable * static_cast<double>(process.config().num_train_timesteps));
}

NoiseLevel lowest_level(const Process& process) {
  return process.type() == ProcessType::kDiscrete ? process.level_at(0.0)
                                                  : process.level_of_ratio(process.min_ratio());
}

NoiseLevel highest_level(const Process& process) {
  if (process.type() != ProcessType::kDiscrete) return process.level_of_ratio(process.max_ratio());
  return process.level_at(static_cast<double>(process.schedule().size() - 1));
}

/// The discrete process at a fraction of a timestep as in diffusers' Euler and Heun: sigma / alpha,
/// not its logarithm, is linear between the neighbours.
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
  const int64_t size = process.schedule().size();
  const auto timesteps = sampling_timesteps(options, size);
  const bool fractions = options.timestep_spacing == TimestepSpacing::kLinspace &&
                         has_fractional_linspace(options.sampler) && timesteps.size() > 1;
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
  const bool flow = process.type() == ProcessType::kFlow;
  Levels ends{highest_level(process), lowest_level(process)};
  if (process.type() == ProcessType::kDiscrete && options.grid_ends != TimestepSpacing::kAuto) {
    auto plain = options;
    plain.timestep_spacing = options.grid_ends;
    const auto levels = timestep_levels(process, plain);
    ends = {levels.front(), levels.back()};
  }
  if (!flow) ends.front() = with_signal(process, ends.front());
  return ends;
}

/// Between the ends of the grid, evenly in a power or the logarithm of sigma.
Levels spread_levels(const Process& process, TimestepSpacing spacing, const SampleConfig& options) {
  const int64_t steps = options.steps;
  const auto bend = [&](double sigma) {
    return spacing == TimestepSpacing::kKarras ? std::pow(sigma, 1.0 / kKarrasRho)
                                               : std::log(sigma);
  };
  const auto unbend = [&](double y) {
    return spacing == TimestepSpacing::kKarras ? std::pow(y, kKarrasRho) : std::exp(y);
  };
  const auto ends = grid_ends(process, options);
  const double high = bend(grid_variable(process, ends.front()));
  const double low = bend(grid_variable(process, ends.back()));
  Levels levels{ends.front()};
  for (int64_t i = 1; i + 1 < steps; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(steps - 1);
    levels.push_back(level_on_grid(process, unbend(high + share * (low - high))));
  }
  if (steps > 1) levels.push_back(ends.back());
  return levels;
}

Levels flow_levels(const Process& process, const SampleConfig& options) {
  const auto timesteps = static_cast<double>(process.config().num_train_timesteps);
  const auto steps = static_cast<double>(options.steps);
  const bool linspace = options.timestep_spacing == TimestepSpacing::kLinspace;
  Levels levels;
  for (int64_t i = 0; i < options.steps; ++i) {
    const auto index = static_cast<double>(i);
    double sigma = 1.0 - index / steps;
    if (linspace) sigma = 1.0 - (steps > 1 ? index / (steps - 1) * (1.0 - 1.0 / timesteps) : 0.0);
    const double shifted = options.flow_shift * sigma / (1.0 + (options.flow_shift - 1.0) * sigma);
    levels.push_back(process.level_at(shifted * timesteps));
  }
  return levels;
}

Levels network_levels(const Process& process, const SampleConfig& options) {
  const auto spacing = resolved_spacing(process.type(), options);
  if (spacing == TimestepSpacing::kKarras || spacing == TimestepSpacing::kLogSnr)
    return spread_levels(process, spacing, options);
  if (process.type() == ProcessType::kDiscrete) return timestep_levels(process, options);
  TORCH_CHECK(process.type() == ProcessType::kFlow, "the process has no timesteps to space");
  return flow_levels(process, options);
}

}  // namespace

std::vector<NoiseLevel> sampling_levels(const Process& process, const SampleConfig& options) {
  auto levels = network_levels(process, options);
  if (needs_signal(options.sampler, process.type()))
    levels.front() = with_signal(process, levels.front());
  const double calls = static_cast<double>(levels.size());
  for (size_t i = 1; i < levels.size(); ++i)
    levels[i].progress = static_cast<double>(i) / (calls - 1);
  NoiseLevel end;
  if (options.final_sigmas_type == FinalSigma::kSigmaMin) {
    end = lowest_level(process);
    const bool stands_there = levels.size() > 1 && !(end.sigma < levels.back().sigma);
    const bool corrects = options.sampler == SamplerType::kUniPc;
    if (stands_there && is_multistep(options.sampler) && !corrects) levels.pop_back();
  }
  end.progress = 1.0;
  levels.push_back(end);
  return levels;
}

}  // namespace ddpm
