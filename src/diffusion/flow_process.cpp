#include <cmath>
#include <limits>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"

/// Straight paths from noise to images: Lipman et al., "Flow matching for generative modeling", and
/// Liu et al., "Flow straight and fast", 2022.

namespace ddpm {
namespace {

class FlowProcess final : public Process {
 public:
  explicit FlowProcess(const DiffusionConfig& config)
      : Process(config),
        timesteps_(static_cast<double>(config.num_train_timesteps)) {}

  bool same_levels(const Process& other) const override {
    return other.config().process == config().process &&
           other.config().num_train_timesteps == config().num_train_timesteps;
  }

  NoiseLevel level_at(double t) const override {
    const double sigma = t / timesteps_;
    return {.alpha = 1.0 - sigma, .sigma = sigma, .t = t};
  }

  NoiseLevel level_of_ratio(double ratio) const override {
    const double alpha = 1.0 / (1.0 + ratio);
    const double sigma = std::isinf(ratio) ? 1.0 : ratio * alpha;
    return {.alpha = alpha, .sigma = sigma, .t = sigma * timesteps_};
  }

  NoiseLevels levels_at(const torch::Tensor& t) const override {
    const auto sigma = t.to(torch::kFloat64) / timesteps_;
    return {.alpha = (1 - sigma).to(torch::kFloat32).view({-1, 1, 1, 1}),
            .sigma = sigma.to(torch::kFloat32).view({-1, 1, 1, 1}),
            .t = t};
  }

  double min_ratio() const override { return level_at(1.0).ratio(); }
  double max_ratio() const override { return std::numeric_limits<double>::infinity(); }

  NoiseLevel with_signal(const NoiseLevel& level) const override {
    return level.alpha > 0 ? level : level_at(level.t - 1.0);
  }

  double drawn_timestep(const TrainConfig& /*train*/, double unit) const override {
    return unit * timesteps_;
  }

  int64_t last_shown_timestep() const override { return config().num_train_timesteps; }

  const OdeCoordinates& ode() const override { return sigma_coordinates(); }
  NoiseLevel level_at_u(double u) const override { return level_at(u * timesteps_); }

  torch::Tensor target(const NoiseLevels& /*levels*/, const torch::Tensor& x0,
                       const torch::Tensor& eps) const override {
    return eps - x0;
  }

  ErrorFactors error_factors(const NoiseLevel& level) const override {
    return {.x0 = level.sigma * level.sigma, .eps = level.alpha * level.alpha};
  }

 private:
  template <typename Level>
  static Prediction read_at(const Level& level, const torch::Tensor& x_t,
                            const torch::Tensor& answer) {
    return {x_t - level.sigma * answer, x_t + level.alpha * answer};
  }

  Prediction read_answer(const NoiseLevel& level, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return read_at(level, x_t, answer);
  }
  Prediction read_answer(const NoiseLevels& levels, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return read_at(levels, x_t, answer);
  }

  double timesteps_;
};

}  // namespace

ProcessPtr make_flow_process(const DiffusionConfig& config) {
  return std::make_shared<FlowProcess>(config);
}

}  // namespace ddpm
