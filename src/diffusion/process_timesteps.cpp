#include "ddpm/diffusion/process_timesteps.h"

#include <algorithm>
#include <cmath>

namespace ddpm {
namespace {

constexpr double kKarrasRho = 7.0;

}  // namespace

int64_t last_timestep(const Process& process) {
  const int64_t timesteps = process.config().num_train_timesteps;
  if (process.type() == ProcessType::kFlow) return timesteps;
  return std::max<int64_t>(1, timesteps) - 1;
}

NoiseLevel level_of_timestep(const Process& process, int64_t t) {
  if (process.type() != ProcessType::kEdm) return process.level_at(static_cast<double>(t));
  const int64_t last = last_timestep(process);
  const double share = last == 0 ? 1.0 : static_cast<double>(t) / static_cast<double>(last);
  const double low = std::pow(process.min_ratio(), 1.0 / kKarrasRho);
  const double high = std::pow(process.max_ratio(), 1.0 / kKarrasRho);
  return process.level_of_ratio(std::pow(low + share * (high - low), kKarrasRho));
}

}  // namespace ddpm
