#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// The part of images that is given.
struct KnownPart {
  torch::Tensor image;  // [N, C, H, W]
  torch::Tensor keep;   // bool, [N, 1, H, W] or [1, 1, H, W]: true where the image is known
};

/// `x` with the known part of the images in its place.
torch::Tensor paste(const KnownPart& known, const torch::Tensor& x);

/// Puts the known part into x before each network call, with the noise of the call's level:
/// alpha x0 + sigma e. `noise(k)` gives e of call k. As all else that samplers do with x is done
/// pixel by pixel, this is the same as putting it in after each step, and suits all samplers.
Denoiser with_known(Denoiser denoise, KnownPart known, NoiseSource noise);

/// How often RePaint goes back to more noise, so that drawn and known parts come to agree.
struct RepaintJumps {
  int64_t length = 10;   // steps of a jump back
  int64_t samples = 10;  // times that each stretch is denoised; 1: no jumps
};

/// The paper's 10 steps, or a fifth of the steps if those are fewer than 50, at least 1.
int64_t usual_jump_length(int64_t steps);

/// The levels that RePaint passes through in its `steps` steps, counted from the clean end, which
/// is -1: down by one a network call, and from each multiple of `jumps.length` that leaves room for
/// it back up by as much, `jumps.samples` - 1 times.
std::vector<int64_t> repaint_levels(int64_t steps, const RepaintJumps& jumps);

/// Denoises x of the first level to images whose known part is given (Lugmayr et al., "RePaint:
/// inpainting using denoising diffusion probabilistic models", 2022). Going up adds the noise of
/// the levels between; at the end the known part is the given one. Any sampler will do; multistep
/// solvers begin anew after each jump.
///
/// `known_noise(k)` is the noise of the known part at network call k. `inputs.noise` is asked for
/// by the number of the move in `repaint_levels`, so that without jumps and known pixels the result
/// is that of `run_sampler` to the bit.
torch::Tensor run_repaint(const SamplerInputs& inputs, const KnownPart& known,
                          const NoiseSource& known_noise, const RepaintJumps& jumps,
                          const torch::Tensor& x);

}  // namespace ddpm
