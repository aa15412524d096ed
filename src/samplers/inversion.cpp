#include "ddpm/samplers/inversion.h"

#include <cmath>

#include <torch/types.h>

namespace ddpm {
namespace {

constexpr int kMostIterations = 20;
constexpr double kTolerance = 1e-5;         // of float32
constexpr double kDoubleTolerance = 1e-12;  // of float64
constexpr double kMostFailures = 5;

/// Coordinates of the way back. Where alpha may reach 0, which networks that predict noise do not
/// allow, noise alone says nothing of the way.
const OdeCoordinates& way_back(const Process& process) {
  return process.config().prediction_type == PredictionType::kEpsilon ? process.ode()
                                                                      : process.regular_ode();
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

/// Sum over the numbers of each image, [N, 1, 1, 1].
torch::Tensor dot_of(const torch::Tensor& a, const torch::Tensor& b) {
  return (a * b).sum({1, 2, 3}, /*keepdim=*/true);
}

/// A guess at x, and by how much its step misses what is wanted.
struct Guess {
  torch::Tensor x;
  torch::Tensor error;
};

Guess choose(const torch::Tensor& which, const Guess& a, const Guess& b) {
  return {torch::where(which, a.x, b.x), torch::where(which, a.error, b.error)};
}

/// The best guess so far and the one before it, image by image.
class Search {
 public:
  Search(double slope, double tolerance) : slope_(slope), tolerance_(tolerance) {}

  /// Images that are done stay as they are, so that none depends on how long its neighbours take.
  void offer(const Guess& guess) {
    const auto size = guess.error.square().mean({1, 2, 3}, /*keepdim=*/true).sqrt();
    if (!size_.defined()) {
      best_ = other_ = guess;
      size_ = size;
      failures_ = torch::zeros_like(size);
      return;
    }
    const auto open = is_open();
    const auto better = open.logical_and(size < size_);
    other_ = choose(better, best_, choose(open, guess, other_));
    best_ = choose(better, guess, best_);
    size_ = torch::where(better, size, size_);
    failures_ = torch::where(better, torch::zeros_like(size), failures_ + open.to(size.dtype()));
  }

  bool done() const { return !is_open().any().item<bool>(); }

  /// Anderson's step: along the line through both guesses to where the error is least, were it
  /// linear, and from there by error / slope, halved for each failure.
  torch::Tensor next() const {
    const auto step = torch::pow(0.5, failures_) / slope_;
    const auto change = best_.error - other_.error;
    const auto length = dot_of(change, change);
    const auto share = torch::where(length > 0, dot_of(best_.error, change) / length, 0.0);
    return best_.x + step * best_.error - share * (best_.x - other_.x + step * change);
  }

  const torch::Tensor& x() const { return best_.x; }

 private:
  torch::Tensor is_open() const {
    return (size_ > tolerance_).logical_and(failures_ < kMostFailures);
  }

  double slope_;
  double tolerance_;
  Guess best_;
  Guess other_;
  torch::Tensor size_;      // root mean square of the best error, [N, 1, 1, 1]
  torch::Tensor failures_;  // guesses since the best
};

/// From `guess`, x of level i from which step i leads to `wanted`.
torch::Tensor solved(const SamplerInputs& inputs, size_t i, const torch::Tensor& wanted,
                     torch::Tensor guess) {
  const auto& noisy = inputs.levels[i];
  const auto& clean = inputs.levels[i + 1];
  const double std = inputs.process.data_std();
  const double slope = gaussian_slope(std, noisy, clean);
  if (slope == 0.0) return guess;  // one step from pure noise to the image: all x are the same
  const double tolerance = guess.scalar_type() == torch::kFloat64 ? kDoubleTolerance : kTolerance;
  Search search(slope, tolerance * std::hypot(clean.alpha * std, clean.sigma));
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    inputs.on_step(static_cast<int64_t>(i));
    search.offer({guess, wanted - lowered(inputs.denoise(guess, noisy), clean)});
    if (search.done()) break;
    guess = search.next();
  }
  return search.x();
}

}  // namespace

torch::Tensor invert(const SamplerInputs& inputs, Inversion method, const torch::Tensor& x0) {
  const auto& ode = way_back(inputs.process);
  auto x = x0;
  for (size_t i = inputs.levels.size() - 1; i-- > 0;) {
    const auto& noisy = inputs.levels[i];
    const auto& clean = inputs.levels[i + 1];
    // What the network sees is x as it sees it at the cleaner level.
    const double scale = inputs.process.input_scale(clean) / inputs.process.input_scale(noisy);
    inputs.on_step(static_cast<int64_t>(i));
    const auto prediction = inputs.denoise(scale * x, noisy);
    const auto guess = ode.step(clean, noisy, x, prediction);
    x = method == Inversion::kDdim ? guess : solved(inputs, i, x, guess);
  }
  return x;
}

}  // namespace ddpm
