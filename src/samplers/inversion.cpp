#include "ddpm/samplers/inversion.h"

#include <cmath>

#include <torch/types.h>

namespace ddpm {
namespace {

constexpr int kMostIterations = 20;
constexpr double kTolerance = 1e-5;
constexpr double kSmallestDamping = 0.05;
constexpr double kUsualStd = 0.5;  // of image data in [-1, 1]

double data_std(const Process& process) {
  return process.type() == ProcessType::kEdm ? process.config().sigma_data : kUsualStd;
}

/// x of a level, led to the `noisy` one by the prediction that the network makes there. Where alpha
/// may reach 0, noise alone says nothing of the way; v does, whose paths are arcs there.
torch::Tensor lifted(const Process& process, const NoiseLevel& clean, const NoiseLevel& noisy,
                     const torch::Tensor& x, const Prediction& prediction) {
  if (process.type() == ProcessType::kFlow)
    return x + (noisy.sigma - clean.sigma) * (prediction.eps - prediction.x0);
  const bool discrete = process.type() == ProcessType::kDiscrete;
  if (discrete && process.config().prediction_type != PredictionType::kEpsilon) {
    const double cosine = noisy.alpha * clean.alpha + noisy.sigma * clean.sigma;
    const double sine = noisy.sigma * clean.alpha - noisy.alpha * clean.sigma;
    return cosine * x + sine * velocity(noisy, prediction);
  }
  const double scale = noisy.alpha / clean.alpha;
  return scale * x + (noisy.sigma - scale * clean.sigma) * prediction.eps;
}

torch::Tensor lowered(const Prediction& prediction, const NoiseLevel& clean) {
  return clean.alpha * prediction.x0 + clean.sigma * prediction.eps;
}

/// The derivative of DDIM's step by x for Gaussian data.
double gaussian_slope(double std, const NoiseLevel& noisy, const NoiseLevel& clean) {
  const double signal = noisy.alpha * std * std;
  const double of_x0 = signal / (noisy.alpha * signal + noisy.sigma * noisy.sigma);
  const double of_eps = (1.0 - noisy.alpha * of_x0) / noisy.sigma;
  return clean.alpha * of_x0 + clean.sigma * of_eps;
}

/// Root mean square of each image, [N, 1, 1, 1].
torch::Tensor size_of(const torch::Tensor& x) {
  return x.square().mean({1, 2, 3}, /*keepdim=*/true).sqrt();
}

/// The best x found so far, image by image.
class BestGuess {
 public:
  explicit BestGuess(double tolerance) : tolerance_(tolerance) {}

  /// Takes the images of `x` that miss their mark by less. Those that are done stay as they are, so
  /// that no image depends on how long its neighbours take.
  void offer(const torch::Tensor& x, const torch::Tensor& error) {
    const auto size = size_of(error);
    if (!x_.defined()) {
      x_ = x;
      error_ = error;
      size_ = size;
      damping_ = torch::ones_like(size);
      return;
    }
    const auto open = is_open();
    const auto better = open.logical_and(size < size_);
    x_ = torch::where(better, x, x_);
    error_ = torch::where(better, error, error_);
    size_ = torch::where(better, size, size_);
    damping_ = torch::where(open.logical_and(better.logical_not()), damping_ / 2, damping_);
  }

  bool done() const { return !is_open().any().item<bool>(); }
  torch::Tensor next(double slope) const { return x_ + damping_ / slope * error_; }
  const torch::Tensor& x() const { return x_; }

 private:
  torch::Tensor is_open() const {
    return (size_ > tolerance_).logical_and(damping_ > kSmallestDamping);
  }

  double tolerance_;
  torch::Tensor x_;
  torch::Tensor error_;
  torch::Tensor size_;
  torch::Tensor damping_;
};

/// From `guess`, x of level i from which step i leads to `wanted`.
torch::Tensor solved(const SamplerInputs& inputs, size_t i, const torch::Tensor& wanted,
                     torch::Tensor guess) {
  const auto& noisy = inputs.levels[i];
  const auto& clean = inputs.levels[i + 1];
  const double std = data_std(inputs.process);
  const double slope = gaussian_slope(std, noisy, clean);
  if (slope == 0.0) return guess;  // one step from pure noise to the image: all x are the same
  BestGuess best(kTolerance * std::hypot(clean.alpha * std, clean.sigma));
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    inputs.on_step(static_cast<int64_t>(i));
    best.offer(guess, wanted - lowered(inputs.denoise(guess, noisy), clean));
    if (best.done()) break;
    guess = best.next(slope);
  }
  return best.x();
}

}  // namespace

torch::Tensor invert(const SamplerInputs& inputs, Inversion method, const torch::Tensor& x0) {
  auto x = x0;
  for (size_t i = inputs.levels.size() - 1; i-- > 0;) {
    const auto& noisy = inputs.levels[i];
    inputs.on_step(static_cast<int64_t>(i));
    const auto guess =
        lifted(inputs.process, inputs.levels[i + 1], noisy, x, inputs.denoise(x, noisy));
    x = method == Inversion::kDdim ? guess : solved(inputs, i, x, guess);
  }
  return x;
}

}  // namespace ddpm
