#include "ddpm/diffusion/process.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <torch/types.h>

namespace ddpm {
namespace {

/// Level of the discrete process with this ratio: alpha^2 + sigma^2 = 1.
NoiseLevel unit_level(double ratio, double t) {
  if (std::isinf(ratio)) return {.alpha = 0.0, .sigma = 1.0, .t = t};
  const double alpha = 1.0 / std::sqrt(1.0 + ratio * ratio);
  return {.alpha = alpha, .sigma = ratio * alpha, .t = t};
}

double square_root(double x) {
  return std::sqrt(x);
}

torch::Tensor square_root(const torch::Tensor& x) {
  return x.sqrt();
}

/// The preconditioning of Karras et al., "Elucidating the design space of diffusion-based
/// generative models", 2022, table 1. `Scale` is a number, or a tensor of one number an image.
template <typename Scale>
struct Preconditioning {
  Scale c_in;
  Scale c_skip;
  Scale c_out;
  // eps = (x - x0) / sigma as a sum without cancellation, and the target likewise.
  Scale eps_skip;
  Scale eps_out;

  Preconditioning(const Scale& sigma, double sigma_data)
      : c_in(1.0 / square_root(sigma * sigma + sigma_data * sigma_data)),
        c_skip(sigma_data * sigma_data * c_in * c_in),
        c_out(sigma * sigma_data * c_in),
        eps_skip(sigma * c_in * c_in),
        eps_out(-sigma_data * c_in) {}
};

/// Of `Level` NoiseLevel or NoiseLevels, without a learned variance.
template <typename Level>
Prediction read_output(const DiffusionConfig& config, const Level& level, const torch::Tensor& x_t,
                       const torch::Tensor& output) {
  switch (config.process) {
    case ProcessType::kEdm: {
      const Preconditioning by(level.sigma, config.sigma_data);
      return {by.c_skip * x_t + by.c_out * output, by.eps_skip * x_t + by.eps_out * output};
    }
    case ProcessType::kFlow:
      return {x_t - level.sigma * output, x_t + level.alpha * output};
    case ProcessType::kDiscrete:
      break;
  }
  return read_prediction(config.prediction_type, x_t, output, level.alpha, level.sigma);
}

template <typename Level>
Prediction read_all(const DiffusionConfig& config, const Level& level, const torch::Tensor& x_t,
                    const torch::Tensor& output) {
  if (output.size(1) != 2 * x_t.size(1)) return read_output(config, level, x_t, output);
  const auto halves = output.chunk(2, 1);
  auto prediction = read_output(config, level, x_t, halves[0]);
  prediction.variance = halves[1];
  return prediction;
}

}  // namespace

double NoiseLevel::lambda() const {
  return std::log(alpha / sigma);
}

Process::Process(const DiffusionConfig& config) : config_(config), schedule_(config) {
  const auto& alpha_bars = schedule_.alpha_bars();
  for (const double alpha_bar : alpha_bars)
    ratios_.push_back(std::sqrt((1.0 - alpha_bar) / alpha_bar));
  const auto table = torch::tensor(alpha_bars, torch::kFloat64);
  alphas_ = table.sqrt().to(torch::kFloat32);
  sigmas_ = (1 - table).sqrt().to(torch::kFloat32);
}

const NoiseSchedule& Process::schedule() const {
  TORCH_CHECK(type() == ProcessType::kDiscrete, "only the discrete process has a schedule");
  return schedule_;
}

NoiseLevel Process::level_at(double t) const {
  if (type() == ProcessType::kEdm) return {.alpha = 1.0, .sigma = std::exp(4.0 * t), .t = t};
  if (type() == ProcessType::kFlow) {
    const double sigma = t / static_cast<double>(config_.num_train_timesteps);
    return {.alpha = 1.0 - sigma, .sigma = sigma, .t = t};
  }
  if (t < 0) return {.t = t};
  const double below = std::floor(t);
  const auto index = static_cast<int64_t>(below);
  if (t == below) {
    const double alpha_bar = schedule_.alpha_bar(index);
    return {.alpha = std::sqrt(alpha_bar), .sigma = std::sqrt(1.0 - alpha_bar), .t = t};
  }
  const double low = std::log(ratio_at(index));
  const double high = std::log(ratio_at(index + 1));
  return unit_level(std::exp(low + (t - below) * (high - low)), t);
}

NoiseLevel Process::level_of_ratio(double ratio) const {
  if (type() == ProcessType::kEdm) return {.alpha = 1.0, .sigma = ratio, .t = std::log(ratio) / 4};
  if (type() == ProcessType::kFlow) {
    const double alpha = 1.0 / (1.0 + ratio);
    const double sigma = std::isinf(ratio) ? 1.0 : ratio * alpha;
    return {.alpha = alpha,
            .sigma = sigma,
            .t = sigma * static_cast<double>(config_.num_train_timesteps)};
  }
  if (ratio == 0.0) return {.t = -1.0};
  const auto above = std::ranges::upper_bound(ratios_, ratio);
  const auto index = static_cast<double>(above - ratios_.begin());
  if (above == ratios_.begin()) return unit_level(ratio, 0.0);
  const double low = *(above - 1);
  if (above == ratios_.end() || low == ratio) return unit_level(ratio, index - 1);
  const double share = std::log(ratio / low) / std::log(*above / low);
  return unit_level(ratio, index - 1 + share);
}

double Process::min_ratio() const {
  if (type() == ProcessType::kEdm) return config_.sigma_min;
  if (type() == ProcessType::kDiscrete) return ratios_.front();
  return level_at(1.0).ratio();
}

double Process::max_ratio() const {
  if (type() == ProcessType::kEdm) return config_.sigma_max;
  if (type() == ProcessType::kDiscrete) return ratios_.back();
  return std::numeric_limits<double>::infinity();
}

NoiseLevels Process::levels_at(const torch::Tensor& t) const {
  const auto column = [](const torch::Tensor& values) { return values.view({-1, 1, 1, 1}); };
  if (type() == ProcessType::kDiscrete) {
    return {.alpha = column(alphas_.index_select(0, t)),
            .sigma = column(sigmas_.index_select(0, t)),
            .t = t};
  }
  const auto exact = t.to(torch::kFloat64);
  const auto sigma = type() == ProcessType::kEdm
                         ? (4 * exact).exp()
                         : exact / static_cast<double>(config_.num_train_timesteps);
  const auto alpha = type() == ProcessType::kEdm ? torch::ones_like(sigma) : 1 - sigma;
  return {.alpha = column(alpha.to(torch::kFloat32)),
          .sigma = column(sigma.to(torch::kFloat32)),
          .t = t};
}

double Process::input_scale(const NoiseLevel& level) const {
  if (type() != ProcessType::kEdm) return 1.0;
  return Preconditioning(level.sigma, config_.sigma_data).c_in;
}

torch::Tensor Process::input_scale(const NoiseLevels& levels) const {
  if (type() != ProcessType::kEdm) return torch::ones_like(levels.sigma);
  return Preconditioning(levels.sigma, config_.sigma_data).c_in;
}

Prediction Process::read(const NoiseLevel& level, const torch::Tensor& x_t,
                         const torch::Tensor& output) const {
  return read_all(config_, level, x_t, output);
}

Prediction Process::read(const NoiseLevels& levels, const torch::Tensor& x_t,
                         const torch::Tensor& output) const {
  return read_all(config_, levels, x_t, output);
}

torch::Tensor Process::target(const NoiseLevels& levels, const torch::Tensor& x0,
                              const torch::Tensor& eps) const {
  switch (type()) {
    case ProcessType::kEdm: {
      const Preconditioning by(levels.sigma, config_.sigma_data);
      return levels.sigma * by.c_in / config_.sigma_data * x0 + by.eps_out * eps;
    }
    case ProcessType::kFlow:
      return eps - x0;
    case ProcessType::kDiscrete:
      break;
  }
  return training_target(config_.prediction_type, x0, eps, levels.alpha, levels.sigma);
}

double Process::start_scale(const NoiseLevel& level) const {
  return type() == ProcessType::kEdm ? level.sigma : 1.0;
}

torch::Tensor add_noise(const NoiseLevels& levels, const torch::Tensor& x0,
                        const torch::Tensor& eps) {
  return levels.alpha * x0 + levels.sigma * eps;
}

torch::Tensor velocity(const NoiseLevel& level, const Prediction& prediction) {
  return level.alpha * prediction.eps - level.sigma * prediction.x0;
}

torch::Tensor noise_between(const NoiseLevel& level, const torch::Tensor& x0,
                            const torch::Tensor& x_t) {
  return (x_t - level.alpha * x0) / level.sigma;
}

}  // namespace ddpm
