#pragma once

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// How a step of DDIM is gone backwards, to more noise.
///
/// - ddim: by one step of the same size with the network's answer at the noisier level for x of the
///   cleaner one; a network call a step.
/// - fixed-point: to that x from which DDIM's step leads back; about 4 network calls a step.
enum class Inversion { kDdim, kFixedPoint };

/// The x of the first level from which DDIM without noise, or Euler's method, leads to the images
/// `x0` [N, C, H, W] over `inputs.levels`, with the denoiser as it is: clipping and guidance are
/// inverted as well. Noise and options are not used.
///
/// `ddim` is Song et al., "Denoising diffusion implicit models", 2021, section 4.3; as in
/// diffusers' `DDIMInverseScheduler` the network is told the noisier level. It errs by the square
/// of a step. `fixed-point` solves each step (as Pan et al., "Effective real image editing with
/// accelerated iterative diffusion inversion", 2023) by Anderson's method of depth 1, beginning
/// with the slope that DDIM's step has on Gaussian data. An image is done when the step leads back
/// to it within 1e-5 of its scale (1e-12 in float64), or nothing helps: in the last step a network
/// may bring different x to one image.
///
/// Image i depends on itself alone.
torch::Tensor invert(const SamplerInputs& inputs, Inversion method, const torch::Tensor& x0);

}  // namespace ddpm
