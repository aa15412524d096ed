#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"

namespace ddpm {

/// A number in (0, 1) for the image at `place` of the sequence of training images, from which its
/// noise level follows: uniform, or logit_normal (Esser et al., 2024). For stratified, each of the
/// `batch_size` images of an optimizer step has one of as many equal parts of (0, 1) to itself. A
/// pure function of its arguments.
double draw_unit(const TrainConfig& config, uint64_t seed, int64_t place);

/// The standard normal quantile of u in (0, 1): Phi^-1(u), to 1e-12.
double normal_quantile(double u);

/// Sigma at the quantile u of training's log_normal: exp(p_mean + p_std Phi^-1(u)) (Karras et al.,
/// 2022, table 1).
double log_normal(const TrainConfig& config, double u);

/// Draws timesteps in proportion to the root of the second moment of their losses (Nichol and
/// Dhariwal, 2021, section 3.3), from the last ten losses of each. Until every timestep has ten it
/// draws uniformly. What it knows is part of a checkpoint.
class LossSecondMoment {
 public:
  static constexpr int64_t kHistory = 10;
  static constexpr double kUniformShare = 0.001;

  explicit LossSecondMoment(int64_t num_train_timesteps);

  bool warmed_up() const;
  /// Of each timestep; they add up to 1.
  const std::vector<double>& probabilities() const { return probabilities_; }
  /// The timestep at `u` in [0, 1) of the cumulated probabilities.
  int64_t timestep(double u) const;
  /// What a loss at this timestep must be multiplied with to keep its expectation.
  double weight(int64_t timestep) const;

  /// Notes losses of timesteps, without those weights; losses that are not finite are left out.
  void update(std::span<const int64_t> timesteps, std::span<const double> losses);

  /// The losses of each timestep from old to new, [T, 10] float64.
  torch::Tensor history() const;
  /// How many of them are there, [T] int64.
  torch::Tensor counts() const;
  /// `CheckpointError` starting with `origin` if they do not fit.
  void load(const torch::Tensor& history, const torch::Tensor& counts, const std::string& origin);

 private:
  void refresh();

  int64_t size_;
  std::vector<double> history_;  // [T, 10]
  std::vector<int64_t> counts_;
  std::vector<double> probabilities_;
  std::vector<double> cumulated_;
};

}  // namespace ddpm
