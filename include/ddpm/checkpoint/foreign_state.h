#pragma once

#include <string>

#include "ddpm/checkpoint/pickle.h"

namespace ddpm {

/// Whose names the tensors of a network have.
enum class ForeignNames { kGuidedDiffusion, kDiffusers };

/// Where in a file's dictionaries the network is.
struct ForeignState {
  ForeignNames names = ForeignNames::kDiffusers;
  std::string prefix;  // of the names of its tensors, such as "state_dict.model."; may be empty
};

/// Finds the network in what a pickle, or any other file of named tensors, holds: the averaged one
/// where there are a raw and an averaged one. `CheckpointError` starting with `origin` that says
/// what the file is instead: of lucidrains' library, of EDM, of latent diffusion, an optimizer's,
/// objects that only their own code can read; or names the networks if there are several.
ForeignState find_foreign_state(const PickleContent& content, const std::string& origin);

}  // namespace ddpm
