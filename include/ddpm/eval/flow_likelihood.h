#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"
#include "ddpm/eval/batch_denoiser.h"
#include "ddpm/eval/ode.h"

namespace ddpm {

/// How the divergence of the flow is found.
///   rademacher, gaussian  Hutchinson's estimate e . (J e) with random e, one backward pass a probe
///   exact                 all C H W diagonal elements, one backward pass each: tiny images only
enum class Trace { kRademacher, kGaussian, kExact };

/// The probability-flow ODE of a process along a coordinate s: dx/ds = v(x, s), in the coordinates
/// of `Process::regular_ode`, so that no term has a singularity at pure noise. Levels of the
/// discrete process between its timesteps are those of `Process::level_of_ratio`.
class ProbabilityFlow {
 public:
  /// From the process's lowest noise level, or from the ratio sigma / alpha `lowest` if that is
  /// above 0, to its highest. `process` must outlive this.
  explicit ProbabilityFlow(const Process& process, double lowest = 0.0);

  double from() const { return from_; }
  double to() const { return to_; }
  NoiseLevel level(double s) const;
  torch::Tensor velocity(const NoiseLevels& levels, const Prediction& prediction) const;
  /// See `OdeOptions::rho`: bends a fixed grid so that it is denser near the image.
  double rho() const { return coordinates_.rho(); }

 private:
  const Process& process_;
  const OdeCoordinates& coordinates_;
  double from_;
  double to_;
};

struct FlowLikelihood {
  torch::Tensor log_density;   // [N] float64, nats, of each image in the space of [-1, 1]
  torch::Tensor latents;       // [N, C, H, W] float64, where the images end at the highest level
  std::vector<int64_t> calls;  // of the network, for each image
};

/// log p(x0) of images [N, C, H, W] float64 under the model whose samples are the ends of the
/// probability-flow ODE, from standard normal noise (times `Process::start_scale`) at the highest
/// level down to the lowest, divided by alpha there (Song et al., "Score-based generative modeling
/// through stochastic differential equations", 2021, appendix D.2). That is the exact density of
/// this model but for the solver and the trace; it says nothing of what other samplers give.
///
/// `probes` [P, N, C, H, W] float64 are the random e of the trace, the same along the whole path;
/// unused for `exact`. Grad mode is turned on within; parameters that require no gradients save
/// time.
FlowLikelihood flow_log_density(
    const ProbabilityFlow& flow, const Process& process, const BatchDenoiser& denoise,
    const torch::Tensor& x0, const torch::Tensor& probes, Trace trace, OdeOptions options,
    const OdeObserver& on_step = [](double) {});

}  // namespace ddpm
