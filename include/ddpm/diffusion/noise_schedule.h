#pragma once

#include <cstdint>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// The variance of each step of the forward process, in float64.
///
/// Adding a schedule takes one function from the settings to the betas and one row in the table of
/// noise_schedule.cpp.
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
