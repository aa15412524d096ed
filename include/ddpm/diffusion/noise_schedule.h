#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// The variance of each step of the forward process, in float64.
///
/// Betas are `trained_betas` if given, else those of the named schedule; `rescale_betas_zero_snr`
/// shifts and scales sqrt(alpha_bar) so that the last is exactly 0 (Lin et al., "Common diffusion
/// noise schedules and sample steps are flawed", 2023, algorithm 1).
///
/// Adding a schedule takes one function from the settings to the betas and one row in the table of
/// noise_schedule.cpp, and its word in names.h.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const DiffusionConfig& config);

  int64_t size() const { return static_cast<int64_t>(betas_.size()); }

  double beta(int64_t t) const { return betas_.at(static_cast<size_t>(t)); }

  /// Product of 1 - beta up to and including step t; 1 for t = -1, the clean image.
  double alpha_bar(int64_t t) const { return t < 0 ? 1.0 : alpha_bars_.at(static_cast<size_t>(t)); }

  const std::vector<double>& alpha_bars() const { return alpha_bars_; }

 private:
  std::vector<double> betas_;
  std::vector<double> alpha_bars_;
};

}  // namespace ddpm
