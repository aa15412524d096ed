#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/cli/edit_flags.h"
#include "ddpm/config/config.h"
#include "ddpm/samplers/inpainting.h"
#include "ddpm/samplers/inversion.h"

namespace ddpm {

/// The flags of editing, settled and checked against the model.
struct EditJob {
  EditMode mode = EditMode::kNone;
  std::string source;                                  // what was given with the mode's flag
  torch::Tensor images;                                // [N, C, H, W] in [-1, 1]
  torch::Tensor keep;                                  // bool [1 or N, 1, H, W]; may be undefined
  std::optional<std::pair<uint64_t, uint64_t>> seeds;  // of an interpolation that is not of images
  Inversion inversion = Inversion::kFixedPoint;
  RepaintJumps jumps;
  double strength = 0.6;
  int64_t repeats = 1;
  int64_t pictures = 1;  // in a row: frames of an interpolation, or those of a strip

  /// Images drawn if nobody says how many, of a model with these classes wanted in turn.
  int64_t usual_count(int64_t classes) const;
};

/// Reads what the flags name, for a model whose images are of `sample_size` if that is known.
/// `count` is -n. `UserError` and its kin for what does not fit.
EditJob make_edit_job(const EditFlags& flags, const ModelConfig& model,
                      std::optional<int64_t> count);

/// Changes what an edit wants otherwise: RePaint's steps are those of DDPM, so of ddim with
/// `sample.eta` 1, unless `eta_given`. Then `UserError` for a sampler that the edit cannot have.
void settle_edit_sampler(EditJob& edit, SampleConfig& sample, bool eta_given);

/// Network calls for each image, or about as many where that depends on the image.
int64_t expected_calls(const EditJob& edit, const SampleConfig& sample, int64_t plain_calls);

}  // namespace ddpm
