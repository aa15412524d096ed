#include <algorithm>
#include <cmath>
#include <vector>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/timestep_sampler.h"

/// A chain of timesteps: Ho et al., "Denoising diffusion probabilistic models", 2020.

namespace ddpm {
namespace {

constexpr double kSmallestAlphaBar = 1.0 / (1 << 24);

/// The level with this ratio: alpha^2 + sigma^2 = 1.
NoiseLevel unit_level(double ratio, double t) {
  if (std::isinf(ratio)) return {.alpha = 0.0, .sigma = 1.0, .t = t};
  const double alpha = 1.0 / std::sqrt(1.0 + ratio * ratio);
  return {.alpha = alpha, .sigma = ratio * alpha, .t = t};
}

class DiscreteProcess final : public Process {
 public:
  explicit DiscreteProcess(const DiffusionConfig& config) : Process(config), schedule_(config) {
    const auto& alpha_bars = schedule_.alpha_bars();
    for (const double alpha_bar : alpha_bars)
      ratios_.push_back(std::sqrt((1.0 - alpha_bar) / alpha_bar));
    const auto table = torch::tensor(alpha_bars, torch::kFloat64);
    alphas_ = table.sqrt().to(torch::kFloat32);
    sigmas_ = (1 - table).sqrt().to(torch::kFloat32);
  }

  const NoiseSchedule* chain() const override { return &schedule_; }

  bool same_levels(const Process& other) const override {
    return other.chain() != nullptr && other.chain()->alpha_bars() == schedule_.alpha_bars();
  }

  NoiseLevel level_at(double t) const override {
    if (t < 0) return {.t = t};
    const double below = std::floor(t);
    const auto index = static_cast<size_t>(below);
    if (t == below) {
      const double alpha_bar = schedule_.alpha_bars().at(index);
      return {.alpha = std::sqrt(alpha_bar), .sigma = std::sqrt(1.0 - alpha_bar), .t = t};
    }
    const double low = std::log(ratios_[index]);
    const double high = std::log(ratios_[index + 1]);
    return unit_level(std::exp(low + (t - below) * (high - low)), t);
  }

  NoiseLevel level_of_ratio(double ratio) const override {
    if (ratio == 0.0) return {.t = -1.0};
    const auto above = std::ranges::upper_bound(ratios_, ratio);
    const auto index = static_cast<double>(above - ratios_.begin());
    if (above == ratios_.begin()) return unit_level(ratio, 0.0);
    const double low = *(above - 1);
    if (above == ratios_.end() || low == ratio) return unit_level(ratio, index - 1);
    const double share = std::log(ratio / low) / std::log(*above / low);
    return unit_level(ratio, index - 1 + share);
  }

  NoiseLevels levels_at(const torch::Tensor& t) const override {
    return {.alpha = alphas_.index_select(0, t).view({-1, 1, 1, 1}),
            .sigma = sigmas_.index_select(0, t).view({-1, 1, 1, 1}),
            .t = t};
  }

  double min_ratio() const override { return ratios_.front(); }
  double max_ratio() const override { return ratios_.back(); }
  NoiseLevel lowest_level() const override { return level_at(0.0); }
  NoiseLevel highest_level() const override {
    return level_at(static_cast<double>(schedule_.size() - 1));
  }

  NoiseLevel with_signal(const NoiseLevel& level) const override {
    if (level.alpha > 0) return level;
    return {.alpha = std::sqrt(kSmallestAlphaBar),
            .sigma = std::sqrt(1.0 - kSmallestAlphaBar),
            .t = level.t};
  }

  double drawn_timestep(const TrainConfig& train, double unit) const override {
    const auto steps = static_cast<double>(schedule_.size());
    if (train.timestep_sampler != TimestepSampler::kLogNormal) return std::floor(unit * steps);
    return std::clamp(std::round(level_of_ratio(log_normal(train, unit)).t), 0.0, steps - 1.0);
  }

  const OdeCoordinates& regular_ode() const override { return angle_coordinates(); }

  torch::Tensor target(const NoiseLevels& levels, const torch::Tensor& x0,
                       const torch::Tensor& eps) const override {
    return training_target(config().prediction_type, x0, eps, levels.alpha, levels.sigma);
  }

  ErrorFactors error_factors(const NoiseLevel& level) const override {
    const double signal = level.alpha * level.alpha;
    const double noise = level.sigma * level.sigma;
    switch (config().prediction_type) {
      case PredictionType::kSample:
        return {.x0 = 1.0, .eps = signal / noise};
      case PredictionType::kVPrediction:
        return {.x0 = noise, .eps = signal};
      case PredictionType::kEpsilon:
        break;
    }
    return {.x0 = noise / signal, .eps = 1.0};
  }

 private:
  Prediction read_answer(const NoiseLevel& level, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return read_prediction(config().prediction_type, x_t, answer, level.alpha, level.sigma);
  }
  Prediction read_answer(const NoiseLevels& levels, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return read_prediction(config().prediction_type, x_t, answer, levels.alpha, levels.sigma);
  }

  NoiseSchedule schedule_;
  std::vector<double> ratios_;  // by timestep
  torch::Tensor alphas_;        // [T] float32
  torch::Tensor sigmas_;
};

}  // namespace

ProcessPtr make_discrete_process(const DiffusionConfig& config) {
  return std::make_shared<DiscreteProcess>(config);
}

}  // namespace ddpm
