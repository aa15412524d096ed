#include "ddpm/diffusion/timestep_sampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

/// Keeps draws off 0 and 1, where quantiles are infinite.
constexpr double kLeast = 0x1p-40;

double inside(double u) {
  return std::clamp(u, kLeast, 1.0 - kLeast);
}

}  // namespace

double draw_unit(const TrainConfig& config, uint64_t seed, int64_t place) {
  const RandomKey key{seed, RandomPurpose::kTimestep, static_cast<uint64_t>(place)};
  switch (config.timestep_sampler) {
    case TimestepSampler::kStratified: {
      const auto strata = static_cast<double>(config.batch_size);
      const auto stratum = static_cast<double>(place % config.batch_size);
      return inside((stratum + random_uniform(key)) / strata);
    }
    case TimestepSampler::kLogitNormal: {
      const double z = normal_quantile(inside(random_uniform(key)));
      return inside(1.0 / (1.0 + std::exp(-(config.logit_mean + config.logit_std * z))));
    }
    default:
      return inside(random_uniform(key));
  }
}

double normal_quantile(double u) {
  const bool upper = u > 0.5;
  const double tail = upper ? 1.0 - u : u;
  double low = -40.0;
  double high = 0.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < tail ? low : high) = middle;
  }
  const double z = 0.5 * (low + high);
  return upper ? -z : z;
}

double log_normal(const TrainConfig& config, double u) {
  return std::exp(config.p_mean + config.p_std * normal_quantile(u));
}

LossSecondMoment::LossSecondMoment(int64_t num_train_timesteps)
    : size_(num_train_timesteps),
      history_(static_cast<size_t>(size_ * kHistory)),
      counts_(static_cast<size_t>(size_)) {
  refresh();
}

bool LossSecondMoment::warmed_up() const {
  return std::ranges::all_of(counts_, [](int64_t count) { return count == kHistory; });
}

void LossSecondMoment::refresh() {
  const auto size = static_cast<double>(size_);
  probabilities_.assign(counts_.size(), 1.0 / size);
  if (warmed_up()) {
    for (size_t t = 0; t < counts_.size(); ++t) {
      const auto* const row = history_.data() + t * kHistory;
      const double squares = std::inner_product(row, row + kHistory, row, 0.0);
      probabilities_[t] = std::sqrt(squares / static_cast<double>(kHistory));
    }
    const double sum = std::accumulate(probabilities_.begin(), probabilities_.end(), 0.0);
    for (double& p : probabilities_)
      p = (sum > 0 ? (1.0 - kUniformShare) * p / sum : (1.0 - kUniformShare) / size) +
          kUniformShare / size;
  }
  cumulated_.resize(probabilities_.size());
  std::partial_sum(probabilities_.begin(), probabilities_.end(), cumulated_.begin());
}

int64_t LossSecondMoment::timestep(double u) const {
  const auto place = std::ranges::upper_bound(cumulated_, u * cumulated_.back());
  return std::min<int64_t>(place - cumulated_.begin(), size_ - 1);
}

double LossSecondMoment::weight(int64_t timestep) const {
  return 1.0 / (static_cast<double>(size_) * probabilities_.at(static_cast<size_t>(timestep)));
}

void LossSecondMoment::update(std::span<const int64_t> timesteps, std::span<const double> losses) {
  for (size_t i = 0; i < timesteps.size(); ++i) {
    if (!std::isfinite(losses[i])) continue;
    const auto t = static_cast<size_t>(timesteps[i]);
    auto* const row = history_.data() + t * kHistory;
    if (counts_.at(t) == kHistory) {
      std::shift_left(row, row + kHistory, 1);
      row[kHistory - 1] = losses[i];
    } else {
      row[counts_[t]++] = losses[i];
    }
  }
  refresh();
}

torch::Tensor LossSecondMoment::history() const {
  return torch::tensor(history_, torch::kFloat64).view({size_, kHistory});
}

torch::Tensor LossSecondMoment::counts() const {
  return torch::tensor(counts_, torch::kInt64);
}

void LossSecondMoment::load(const torch::Tensor& history, const torch::Tensor& counts,
                            const std::string& origin) {
  const bool shapes = history.sizes() == torch::IntArrayRef{size_, kHistory} &&
                      counts.sizes() == torch::IntArrayRef{size_};
  if (!shapes || history.scalar_type() != torch::kFloat64 ||
      counts.scalar_type() != torch::kInt64) {
    throw CheckpointError(origin, ": expected the losses of ", size_, " timesteps, [", size_, ", ",
                          kHistory, "] float64 and their counts, [", size_, "] int64");
  }
  const auto* const losses = history.data_ptr<double>();
  const auto* const numbers = counts.data_ptr<int64_t>();
  const auto fits = [](int64_t count) { return count >= 0 && count <= kHistory; };
  if (!std::all_of(numbers, numbers + size_, fits)) {
    throw CheckpointError(origin, ": counts of losses must be between 0 and ", kHistory);
  }
  std::copy_n(losses, history_.size(), history_.begin());
  std::copy_n(numbers, counts_.size(), counts_.begin());
  refresh();
}

}  // namespace ddpm
