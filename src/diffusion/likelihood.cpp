#include "ddpm/diffusion/likelihood.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include <torch/types.h>

namespace ddpm {
namespace {

constexpr double kLeastProbability = 1e-12;

torch::Tensor normal_cdf(const torch::Tensor& z) {
  return 0.5 * torch::erfc(-z / std::numbers::sqrt2);
}

/// Nats of each element to bits per dimension of each image.
torch::Tensor bits_per_dimension(const torch::Tensor& nats) {
  return nats.flatten(1).mean(1) / std::numbers::ln2;
}

}  // namespace

torch::Tensor normal_kl(const torch::Tensor& mean_a, const torch::Tensor& log_variance_a,
                        const torch::Tensor& mean_b, const torch::Tensor& log_variance_b) {
  const auto difference = log_variance_a - log_variance_b;
  return 0.5 * (torch::exp(difference) - 1.0 - difference +
                (mean_a - mean_b).square() * torch::exp(-log_variance_b));
}

torch::Tensor normal_nll(const torch::Tensor& x, const torch::Tensor& mean,
                         const torch::Tensor& log_variance) {
  const double log_two_pi = std::log(2.0 * std::numbers::pi);
  return 0.5 * (log_two_pi + log_variance + (x - mean).square() * torch::exp(-log_variance));
}

torch::Tensor discretized_normal_nll(const torch::Tensor& x, const torch::Tensor& mean,
                                     const torch::Tensor& log_variance) {
  constexpr double kHalfBin = 1.0 / 255.0;
  const auto centered = x - mean;
  const auto inverse_deviation = torch::exp(-0.5 * log_variance);
  const auto above = (centered + kHalfBin) * inverse_deviation;
  const auto below = (centered - kHalfBin) * inverse_deviation;
  // On the upper side the mirrored difference does not cancel.
  const auto sign = torch::where(centered > 0, -1.0, 1.0).to(x.scalar_type());
  const auto inside = (normal_cdf(sign * above) - normal_cdf(sign * below)) * sign;
  auto probability = torch::where(x > 0.999, normal_cdf(-below), inside);
  probability = torch::where(x < -0.999, normal_cdf(above), probability);
  return -torch::log(probability.clamp_min(kLeastProbability));
}

VariationalBound::VariationalBound(const NoiseSchedule& schedule,
                                   const torch::TensorOptions& options,
                                   std::vector<int64_t> timesteps)
    : timesteps_(std::move(timesteps)) {
  if (timesteps_.empty()) {
    timesteps_.resize(static_cast<size_t>(schedule.size()));
    std::iota(timesteps_.begin(), timesteps_.end(), int64_t{0});
  }
  const size_t count = timesteps_.size();
  std::vector<double> x0_weight(count);
  std::vector<double> x_t_weight(count);
  std::vector<double> small(count);
  std::vector<double> log_beta(count);
  double before = 1.0;
  for (size_t i = 0; i < count; ++i) {
    const double now = schedule.alpha_bar(timesteps_[i]);
    const double alpha = now / before;
    const double beta = 1.0 - alpha;
    x0_weight[i] = std::sqrt(before) * beta / (1.0 - now);
    x_t_weight[i] = std::sqrt(alpha) * (1.0 - before) / (1.0 - now);
    small[i] = std::log(beta * (1.0 - before) / (1.0 - now));
    log_beta[i] = std::log(beta);
    before = now;
  }
  small[0] = count > 1 ? small[1] : log_beta[0];
  auto large = log_beta;
  large[0] = small[0];
  last_alpha_bar_ = before;
  const auto table = [&](const std::vector<double>& values) {
    return torch::tensor(values, torch::kFloat64).to(options);
  };
  x0_weight_ = table(x0_weight);
  x_t_weight_ = table(x_t_weight);
  small_ = table(small);
  large_ = table(large);
  log_beta_ = table(log_beta);
}

torch::Tensor VariationalBound::at(const torch::Tensor& table, const torch::Tensor& steps) const {
  return table.index_select(0, steps).view({-1, 1, 1, 1});
}

torch::Tensor VariationalBound::posterior_mean(const torch::Tensor& x0, const torch::Tensor& x_t,
                                               const torch::Tensor& steps) const {
  return at(x0_weight_, steps) * x0 + at(x_t_weight_, steps) * x_t;
}

torch::Tensor VariationalBound::small_log_variance(const torch::Tensor& steps) const {
  return at(small_, steps);
}

torch::Tensor VariationalBound::large_log_variance(const torch::Tensor& steps) const {
  return at(large_, steps);
}

torch::Tensor VariationalBound::learned_log_variance(const torch::Tensor& v,
                                                     const torch::Tensor& steps) const {
  const auto low = at(small_, steps);
  return low + 0.5 * (v + 1.0) * (at(log_beta_, steps) - low);
}

torch::Tensor VariationalBound::term(const torch::Tensor& x0, const torch::Tensor& x_t,
                                     const torch::Tensor& steps, const torch::Tensor& mean,
                                     const torch::Tensor& log_variance, Decoder decoder) const {
  const auto kl = bits_per_dimension(
      normal_kl(posterior_mean(x0, x_t, steps), small_log_variance(steps), mean, log_variance));
  const auto nll = bits_per_dimension(decoder == Decoder::kDiscretized
                                          ? discretized_normal_nll(x0, mean, log_variance)
                                          : normal_nll(x0, mean, log_variance));
  return torch::where(steps == 0, nll, kl);
}

torch::Tensor VariationalBound::prior_term(const torch::Tensor& x0) const {
  const auto mean = std::sqrt(last_alpha_bar_) * x0;
  const auto log_variance = torch::full_like(x0, std::log(1.0 - last_alpha_bar_));
  return bits_per_dimension(
      normal_kl(mean, log_variance, torch::zeros_like(x0), torch::zeros_like(x0)));
}

}  // namespace ddpm
