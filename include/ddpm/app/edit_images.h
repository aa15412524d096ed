#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <torch/types.h>

#include "ddpm/data/image.h"

namespace ddpm {

/// What images that a person gives must look like.
struct WantedImages {
  std::string field;            // of the request, in backquotes, for messages
  ImageSize size;               // 0 x 0: that of the first image
  bool fit = false;             // bring others to it instead of refusing them
  bool any_colour = false;      // convert the channels without being asked
  std::optional<int64_t> most;  // read no more than these
};

/// Images [N, C, H, W] in [-1, 1] of an image file, of a folder of them (see `scan_files`),
/// of an `.npz` as guided-diffusion writes them, or of a `.npy` of float32 [N, C, H, W], which is
/// taken as it is. `DataError` for files that cannot be read; `UserError` that names the field for
/// images of another size or number of channels.
torch::Tensor read_images(const std::string& path, const WantedImages& wanted);

}  // namespace ddpm
