#pragma once

#include <torch/types.h>

#include "ddpm/sample/generator.h"
#include "ddpm/samplers/inpainting.h"
#include "ddpm/samplers/inversion.h"
#include "ddpm/samplers/sdedit.h"

namespace ddpm {

/// Editing of images with a trained model. Images are [N, C, H, W] in [-1, 1] on the CPU, one for
/// each seed of the request, as are the results. As in `Generator::generate`, image i depends on
/// its own seed, label and picture alone.

/// The noise with which `generate` draws the images again, as `GenerationRequest::initial_noise`
/// takes it. The options must name a sampler that `check_invertible` lets pass.
torch::Tensor invert_images(Generator& generator, const GenerationRequest& request,
                            const torch::Tensor& images, Inversion method,
                            const StepObserver& on_step);

/// Images whose known part is given, the rest drawn to fit (RePaint).
torch::Tensor inpaint_images(Generator& generator, const GenerationRequest& request,
                             const KnownPart& known, const RepaintJumps& jumps,
                             const StepObserver& on_step);

/// Images noised by as much as `edit` says, and denoised (SDEdit).
torch::Tensor edit_images(Generator& generator, const GenerationRequest& request,
                          const SdEdit& edit, const torch::Tensor& images,
                          const StepObserver& on_step);

/// `pictures` for each image, [N * pictures, C, H, W], an image's own side by side: what the
/// network thought the image would be at evenly spaced calls, and last the image itself.
torch::Tensor generate_strips(Generator& generator, const GenerationRequest& request,
                              int64_t pictures, const StepObserver& on_step);

/// `UserError` that starts with `what` unless the sampler's steps are those that `invert` inverts.
void check_invertible(const SampleConfig& options, const std::string& what);

}  // namespace ddpm
