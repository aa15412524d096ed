#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/image.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/util/svg_plot.h"

namespace ddpm {

/// A noise schedule and what it is called in a picture.
struct NamedSchedule {
  std::string name;
  DiffusionConfig diffusion;
};

/// A process over its timesteps (see `Process::shown_level`), a number each.
struct ScheduleCurve {
  std::vector<double> t;
  std::vector<double> beta;       // of the discrete process only
  std::vector<double> alpha_bar;  // alpha^2 / (alpha^2 + sigma^2): the signal's share of variance
  std::vector<double> log_snr;    // ln(alpha^2 / sigma^2); infinite for a clean image, pure noise
  std::vector<double> alpha;
  std::vector<double> sigma;
};

ScheduleCurve curve_of(const Process& process);

/// Panels of alpha_bar, beta (if any process is discrete), log-SNR and sigma / alpha over the
/// timesteps, a line a schedule; over t / T where timesteps do not compare. With `log`, alpha_bar
/// has a logarithmic axis.
LinePlot plot_schedules(const std::vector<NamedSchedule>& schedules, bool log);

/// `image` with the same noise at each of `timesteps`, a row a schedule, as a network sees it:
/// alpha x0 + sigma eps, of edm divided by sqrt(1 + sigma^2). No timesteps: eight even ones of each
/// schedule. `UserError` for timesteps that a schedule does not have.
Image noised_strip(const std::vector<NamedSchedule>& schedules, const Image& image,
                   const std::vector<int64_t>& timesteps, uint64_t seed);

}  // namespace ddpm
