#include <cmath>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/timestep_sampler.h"

/// Karras et al., "Elucidating the design space of diffusion-based generative models", 2022.

namespace ddpm {
namespace {

constexpr double kRho = 7.0;  // of the grid of equation 5

double square_root(double x) {
  return std::sqrt(x);
}

torch::Tensor square_root(const torch::Tensor& x) {
  return x.sqrt();
}

/// The preconditioning of table 1. `Scale` is a number, or a tensor of one number an image.
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

  Prediction read(const torch::Tensor& x_t, const torch::Tensor& answer) const {
    return {c_skip * x_t + c_out * answer, eps_skip * x_t + eps_out * answer};
  }
};

class EdmProcess final : public Process {
 public:
  explicit EdmProcess(const DiffusionConfig& config) : Process(config) {}

  bool same_levels(const Process& other) const override {
    return other.config().process == config().process;
  }

  NoiseLevel level_at(double t) const override {
    return {.alpha = 1.0, .sigma = std::exp(4.0 * t), .t = t};
  }
  NoiseLevel level_of_ratio(double ratio) const override {
    return {.alpha = 1.0, .sigma = ratio, .t = std::log(ratio) / 4};
  }

  NoiseLevels levels_at(const torch::Tensor& t) const override {
    const auto sigma = (4 * t.to(torch::kFloat64)).exp().to(torch::kFloat32).view({-1, 1, 1, 1});
    return {.alpha = torch::ones_like(sigma), .sigma = sigma, .t = t};
  }

  double min_ratio() const override { return config().sigma_min; }
  double max_ratio() const override { return config().sigma_max; }
  NoiseLevel clean_level() const override { return level_at(std::log(min_ratio()) / 4.0); }

  double drawn_timestep(const TrainConfig& train, double unit) const override {
    return std::log(log_normal(train, unit)) / 4.0;
  }

  NoiseLevel shown_level(int64_t t) const override {
    const int64_t last = last_shown_timestep();
    const double share = last == 0 ? 1.0 : static_cast<double>(t) / static_cast<double>(last);
    const double low = std::pow(min_ratio(), 1.0 / kRho);
    const double high = std::pow(max_ratio(), 1.0 / kRho);
    return level_of_ratio(std::pow(low + share * (high - low), kRho));
  }

  bool scales_input() const override { return true; }
  double input_scale(const NoiseLevel& level) const override { return at(level.sigma).c_in; }
  torch::Tensor input_scale(const NoiseLevels& levels) const override {
    return at(levels.sigma).c_in;
  }

  torch::Tensor target(const NoiseLevels& levels, const torch::Tensor& x0,
                       const torch::Tensor& eps) const override {
    const auto by = at(levels.sigma);
    return levels.sigma * by.c_in / config().sigma_data * x0 + by.eps_out * eps;
  }

  ErrorFactors error_factors(const NoiseLevel& level) const override {
    const double noise = level.sigma * level.sigma;
    const double data = config().sigma_data * config().sigma_data;
    return {.x0 = noise * data / (noise + data), .eps = data / (noise + data)};  // c_out^2
  }

  double start_scale(const NoiseLevel& level) const override { return level.sigma; }
  double data_std() const override { return config().sigma_data; }

 private:
  template <typename Scale>
  Preconditioning<Scale> at(const Scale& sigma) const {
    return Preconditioning<Scale>(sigma, config().sigma_data);
  }

  Prediction read_answer(const NoiseLevel& level, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return at(level.sigma).read(x_t, answer);
  }
  Prediction read_answer(const NoiseLevels& levels, const torch::Tensor& x_t,
                         const torch::Tensor& answer) const override {
    return at(levels.sigma).read(x_t, answer);
  }
};

}  // namespace

ProcessPtr make_edm_process(const DiffusionConfig& config) {
  return std::make_shared<EdmProcess>(config);
}

}  // namespace ddpm
