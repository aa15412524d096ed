#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/diffusion/prediction.h"

namespace ddpm {

/// How noisy an image is: x = alpha x0 + sigma eps.
struct NoiseLevel {
  double alpha = 1.0;
  double sigma = 0.0;
  double t = 0.0;         // what the network is told
  double progress = 0.0;  // of sampling: 0 at the noisy end, 1 at the last network call

  /// Noise to signal: sigma of the process with alpha = 1, in which samplers' papers write.
  double ratio() const { return sigma / alpha; }
  /// Half the logarithm of the signal-to-noise ratio; infinite for a clean image.
  double lambda() const;
};

/// One noise level an image: alpha and sigma [N, 1, 1, 1] float32, t [N].
struct NoiseLevels {
  torch::Tensor alpha;
  torch::Tensor sigma;
  torch::Tensor t;
};

/// The forward process: which noise levels there are, and what the network sees and says at them.
///
/// | process  | x                         | t told    | network sees | network says           |
/// |----------|---------------------------|-----------|--------------|------------------------|
/// | discrete | alpha^2 + sigma^2 = 1     | 0 ... T-1 | x            | as prediction_type     |
/// | edm      | x0 + sigma eps            | ln(s) / 4 | c_in x       | F: x0 = c_skip x + c_out F |
/// | flow     | (1 - sigma) x0 + sigma eps | T sigma   | x            | eps - x0               |
///
/// Discrete: Ho et al., 2020; given betas or a named schedule. EDM: Karras et al., 2022, table 1.
/// Flow: straight paths (Lipman et al., Liu et al., 2022) with the direction and time of diffusers'
/// `FlowMatchEulerDiscreteScheduler`.
class Process {
 public:
  explicit Process(const DiffusionConfig& config);

  ProcessType type() const { return config_.process; }
  const DiffusionConfig& config() const { return config_; }
  /// Betas of the discrete process; not to be asked for of the others.
  const NoiseSchedule& schedule() const;

  /// The level that the network is told as `t`. Of the discrete process, fractions lie between
  /// their neighbours by the logarithm of the ratio, and t = -1 is the clean image.
  NoiseLevel level_at(double t) const;
  /// The level with this ratio of noise to signal, 0 for the clean image. Its t is fractional, and
  /// beyond the ends of the discrete process that of the end.
  NoiseLevel level_of_ratio(double ratio) const;
  /// Ends of the range of ratios that the network knows; the upper one may be infinite.
  double min_ratio() const;
  double max_ratio() const;

  /// The levels of a batch, t [N] on the CPU: int64 for the discrete process, else floating.
  NoiseLevels levels_at(const torch::Tensor& t) const;

  /// What x is multiplied with before the network sees it.
  double input_scale(const NoiseLevel& level) const;
  torch::Tensor input_scale(const NoiseLevels& levels) const;

  /// Reads the network's `output` for x_t [N, C, H, W]. An output of 2C channels holds a learned
  /// variance in its second half. The level must not be the clean image.
  Prediction read(const NoiseLevel& level, const torch::Tensor& x_t,
                  const torch::Tensor& output) const;
  Prediction read(const NoiseLevels& levels, const torch::Tensor& x_t,
                  const torch::Tensor& output) const;

  /// What the network should have said (its first C channels).
  torch::Tensor target(const NoiseLevels& levels, const torch::Tensor& x0,
                       const torch::Tensor& eps) const;

  /// Scale of the standard normal noise that sampling starts from at this level.
  double start_scale(const NoiseLevel& level) const;

 private:
  double ratio_at(int64_t t) const { return ratios_[static_cast<size_t>(t)]; }

  DiffusionConfig config_;
  NoiseSchedule schedule_;
  std::vector<double> ratios_;  // of the discrete process, by timestep
  torch::Tensor alphas_;        // [T] float32
  torch::Tensor sigmas_;
};

/// x_t = alpha x0 + sigma eps.
torch::Tensor add_noise(const NoiseLevels& levels, const torch::Tensor& x0,
                        const torch::Tensor& eps);

/// v = alpha eps - sigma x0 of a prediction at a level.
torch::Tensor velocity(const NoiseLevel& level, const Prediction& prediction);

/// The noise that leads from `x0` to `x_t`.
torch::Tensor noise_between(const NoiseLevel& level, const torch::Tensor& x0,
                            const torch::Tensor& x_t);

}  // namespace ddpm
