#pragma once

#include <cstdint>
#include <optional>

#include <torch/types.h>

#include "ddpm/samplers/inpainting.h"
#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// How images are edited by noising and denoising them.
struct SdEdit {
  double strength = 0.6;                // in (0, 1]: the share of the steps that is done
  int64_t repeats = 1;                  // passes, each from the result of the one before
  std::optional<KnownPart> known = {};  // pixels that stay as they are
};

/// Steps that a strength means: the last round(strength steps), at least one.
int64_t edited_steps(int64_t steps, double strength);

/// Images made from `image` [N, C, H, W]: noised to the level at which the last `edited_steps`
/// begin, and denoised from there with any sampler (Meng et al., "SDEdit: guided image synthesis
/// and editing with stochastic differential equations", 2022). `start_noise(k)` is the noise of
/// pass k; known pixels carry it through that pass, and are the given ones at the end.
torch::Tensor run_sdedit(const SamplerInputs& inputs, const SdEdit& edit,
                         const NoiseSource& start_noise, const torch::Tensor& image);

}  // namespace ddpm
