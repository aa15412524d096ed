#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/app/edit_request.h"
#include "ddpm/config/config.h"
#include "ddpm/samplers/inpainting.h"
#include "ddpm/samplers/inversion.h"

namespace ddpm {

/// An edit, resolved and checked against the model.
struct EditPlan {
  EditMode mode = EditMode::kNone;
  std::string source;                                  // what was given to edit
  torch::Tensor images;                                // [N, C, H, W] in [-1, 1]
  torch::Tensor keep;                                  // bool [1 or N, 1, H, W]; may be undefined
  std::optional<std::pair<uint64_t, uint64_t>> seeds;  // of an interpolation that is not of images
  Inversion inversion = Inversion::kFixedPoint;
  RepaintJumps jumps;
  std::string mask;  // as given
  double strength = 0.6;
  int64_t repeats = 1;
  int64_t pictures = 1;  // in a row: frames of an interpolation, or those of a strip

  /// How many images are drawn if nobody says so, of a model with these classes wanted in turn.
  int64_t usual_count(int64_t classes) const;
};

/// Reads what the request names, for a model whose images are of `sample_size` if that is known;
/// `count` images are wanted, if someone says so. `UserError` and its kin for what does not fit.
EditPlan plan_edit(const EditRequest& request, const Signature& model,
                   std::optional<int64_t> count);

/// Changes what an edit wants otherwise: RePaint's steps are those of DDPM, so of ddim with
/// `sample.eta` 1, unless `eta_given`. Then `UserError` for a sampler that the edit cannot have.
void resolve_edit_sampler(EditPlan& edit, SampleConfig& sample, bool eta_given);

/// Network calls for each image, or about as many where that depends on the image.
int64_t expected_calls(const EditPlan& edit, const SampleConfig& sample, int64_t plain_calls);

}  // namespace ddpm
