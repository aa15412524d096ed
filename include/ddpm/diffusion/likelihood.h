#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ddpm/diffusion/noise_schedule.h"

namespace ddpm {

/// KL divergence of N(mean_a, e^log_variance_a) from N(mean_b, e^log_variance_b), element by
/// element, in nats.
torch::Tensor normal_kl(const torch::Tensor& mean_a, const torch::Tensor& log_variance_a,
                        const torch::Tensor& mean_b, const torch::Tensor& log_variance_b);

/// Negative log density of `x` under N(mean, e^log_variance), element by element, in nats.
torch::Tensor normal_nll(const torch::Tensor& x, const torch::Tensor& mean,
                         const torch::Tensor& log_variance);

/// Negative log probability, in nats, of 8-bit values `x` (k / 127.5 - 1) under
/// N(mean, e^log_variance) whose mass is collected in 256 bins of width 2/255, the outer ones open
/// (Ho et al., 2020, equation 13). Probabilities below 1e-12 count as that.
torch::Tensor discretized_normal_nll(const torch::Tensor& x, const torch::Tensor& mean,
                                     const torch::Tensor& log_variance);

/// How the last step turns a distribution over real numbers into one over pixels.
enum class Decoder { kDiscretized, kContinuous };

/// The variational bound of a chain of the discrete process, step by step, in bits per dimension.
/// Step i leads from the i-th kept timestep to the one before; step 0 leads to the image.
///
/// Its tensors are [N, C, H, W], its steps [N] int64 on their device.
class VariationalBound {
 public:
  /// `timesteps` are the kept ones, rising; empty for all. Tables are made in float64 and kept in
  /// the type and on the device of `options`.
  explicit VariationalBound(const NoiseSchedule& schedule,
                            const torch::TensorOptions& options = torch::kFloat32,
                            std::vector<int64_t> timesteps = {});

  int64_t steps() const { return static_cast<int64_t>(timesteps_.size()); }
  const std::vector<int64_t>& timesteps() const { return timesteps_; }

  /// Mean of q(x_{t-1} | x_t, x0).
  torch::Tensor posterior_mean(const torch::Tensor& x0, const torch::Tensor& x_t,
                               const torch::Tensor& steps) const;
  /// Log of its variance (fixed_small), [N, 1, 1, 1]; step 0, where it is 0, has that of step 1.
  torch::Tensor small_log_variance(const torch::Tensor& steps) const;
  /// Log beta (fixed_large), [N, 1, 1, 1]; step 0 has the small one (Ho et al.'s code).
  torch::Tensor large_log_variance(const torch::Tensor& steps) const;
  /// Learned range (Nichol and Dhariwal, 2021, equation 15): v = -1 gives the small, v = 1 gives
  /// log beta; v is not clamped.
  torch::Tensor learned_log_variance(const torch::Tensor& v, const torch::Tensor& steps) const;

  /// Term L_{t-1} of the bound for a model that goes from x_t to N(mean, e^log_variance): the KL of
  /// the posterior from it, and for step 0 the negative log likelihood of x0; the mean over each
  /// image, [N].
  torch::Tensor term(const torch::Tensor& x0, const torch::Tensor& x_t, const torch::Tensor& steps,
                     const torch::Tensor& mean, const torch::Tensor& log_variance,
                     Decoder decoder = Decoder::kDiscretized) const;
  /// Term L_T: the KL of q(x_T | x0) from N(0, 1), [N].
  torch::Tensor prior_term(const torch::Tensor& x0) const;

 private:
  torch::Tensor at(const torch::Tensor& table, const torch::Tensor& steps) const;

  std::vector<int64_t> timesteps_;
  torch::Tensor x0_weight_;  // each [S]
  torch::Tensor x_t_weight_;
  torch::Tensor small_;
  torch::Tensor large_;
  torch::Tensor log_beta_;
  double last_alpha_bar_ = 0.0;
};

}  // namespace ddpm
