#pragma once

#include <cstdint>
#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/noise_level.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/diffusion/ode_coordinates.h"
#include "ddpm/diffusion/prediction.h"

namespace ddpm {

/// How much the squared errors of image and noise are, per squared error of the network's output,
/// at one noise level. With x_t = alpha x0 + sigma eps: (1, SNR) for a network that predicts x0,
/// (1 / SNR, 1) for eps, (sigma^2, alpha^2) for v and for a flow's velocity, and (c_out^2,
/// c_out^2 / sigma^2) for EDM's. `eps` is always SNR times `x0`, where SNR = alpha^2 / sigma^2.
struct ErrorFactors {
  double x0 = 1.0;
  double eps = 1.0;
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
///
/// Adding a process takes one class and one row in the table of process.cpp, its word in names.h
/// and its row in config/process_traits.cpp.
class Process {
 public:
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const DiffusionConfig& config() const { return config_; }
  /// Betas of a chain of timesteps; null for a process whose levels are continuous.
  virtual const NoiseSchedule* chain() const { return nullptr; }
  /// Whether networks of both processes are told the same noise levels by the same t.
  virtual bool same_levels(const Process& other) const = 0;

  /// The level that the network is told as `t`. Of the discrete process, fractions lie between
  /// their neighbours by the logarithm of the ratio, and t = -1 is the clean image.
  virtual NoiseLevel level_at(double t) const = 0;
  /// The level with this ratio of noise to signal, 0 for the clean image. Its t is fractional, and
  /// beyond the ends of the discrete process that of the end.
  virtual NoiseLevel level_of_ratio(double ratio) const = 0;
  /// The levels of a batch, t [N] on the CPU: int64 for a chain of timesteps, else floating.
  virtual NoiseLevels levels_at(const torch::Tensor& t) const = 0;

  /// Ends of the range of ratios that the network knows; the upper one may be infinite.
  virtual double min_ratio() const = 0;
  virtual double max_ratio() const = 0;
  /// The levels at these ends.
  virtual NoiseLevel lowest_level() const { return level_of_ratio(min_ratio()); }
  virtual NoiseLevel highest_level() const { return level_of_ratio(max_ratio()); }
  /// `level`, or the nearest whose alpha is not 0. It is moved as in diffusers: alpha^2 = 2^-24 of
  /// the discrete process, sigma = 1 - 1/T of flow.
  virtual NoiseLevel with_signal(const NoiseLevel& level) const { return level; }
  /// The level whose t a classifier is told for images without noise.
  virtual NoiseLevel clean_level() const { return level_at(0.0); }

  /// The t at the place `unit`, in (0, 1), of the distribution of noise levels in training.
  virtual double drawn_timestep(const TrainConfig& train, double unit) const = 0;

  /// The level of timestep `t`, 0 ... `last_shown_timestep`, for pictures of a process: discrete:
  /// its own timesteps, 0 ... T-1; flow: sigma = t / T from the clean image to pure noise at t = T;
  /// edm, which has no timesteps: even in sigma^(1/7) from sigma_min to sigma_max, 0 ... T-1, as
  /// sampling spaces them (Karras et al., 2022, equation 5).
  virtual NoiseLevel shown_level(int64_t t) const { return level_at(static_cast<double>(t)); }
  virtual int64_t last_shown_timestep() const;

  /// Coordinates of the probability flow in which samplers take their steps.
  virtual const OdeCoordinates& ode() const { return ratio_coordinates(); }
  /// Coordinates without a singularity wherever the network knows levels, pure noise included.
  virtual const OdeCoordinates& regular_ode() const { return ode(); }
  /// The level at `u` of `ode()`.
  virtual NoiseLevel level_at_u(double u) const { return level_of_ratio(ode().ratio_of(u)); }

  /// Whether x is multiplied with a number before the network sees it, and that number.
  virtual bool scales_input() const { return false; }
  virtual double input_scale(const NoiseLevel& level) const;
  virtual torch::Tensor input_scale(const NoiseLevels& levels) const;

  /// Reads the network's `output` for x_t [N, C, H, W]. An output of 2C channels holds a learned
  /// variance in its second half. The level must not be the clean image.
  Prediction read(const NoiseLevel& level, const torch::Tensor& x_t,
                  const torch::Tensor& output) const;
  Prediction read(const NoiseLevels& levels, const torch::Tensor& x_t,
                  const torch::Tensor& output) const;

  /// What the network should have said (its first C channels).
  virtual torch::Tensor target(const NoiseLevels& levels, const torch::Tensor& x0,
                               const torch::Tensor& eps) const = 0;
  virtual ErrorFactors error_factors(const NoiseLevel& level) const = 0;

  /// Scale of the standard normal noise that sampling starts from at this level.
  virtual double start_scale(const NoiseLevel& level) const;
  /// Standard deviation of the images, as far as the process knows it; else that usual in [-1, 1].
  virtual double data_std() const { return 0.5; }

 protected:
  explicit Process(const DiffusionConfig& config) : config_(config) {}

 private:
  /// Reads an answer of C channels.
  virtual Prediction read_answer(const NoiseLevel& level, const torch::Tensor& x_t,
                                 const torch::Tensor& answer) const = 0;
  virtual Prediction read_answer(const NoiseLevels& levels, const torch::Tensor& x_t,
                                 const torch::Tensor& answer) const = 0;

  DiffusionConfig config_;
};

using ProcessPtr = std::shared_ptr<const Process>;

/// The process of `config.process`.
ProcessPtr make_process(const DiffusionConfig& config);

// The processes, each in the source file of its name:
ProcessPtr make_discrete_process(const DiffusionConfig& config);
ProcessPtr make_edm_process(const DiffusionConfig& config);
ProcessPtr make_flow_process(const DiffusionConfig& config);

}  // namespace ddpm
