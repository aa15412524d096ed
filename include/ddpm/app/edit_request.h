#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace ddpm {

/// What is done to images besides plain drawing.
enum class EditMode { kNone, kInterpolate, kInvert, kInpaint, kInit, kStrip };

/// The name of a mode's field in messages and file names: "interpolate"; "" for none.
std::string to_name(EditMode mode);

/// What someone wants done to images. Fields that do not belong to `mode` are not read.
struct EditRequest {
  EditMode mode = EditMode::kNone;
  /// The images to edit: a file, a folder, an .npz or a .npy. Of an interpolation two image files
  /// with a comma between, or nothing if `seeds` are given.
  std::string source = {};
  std::optional<std::pair<uint64_t, uint64_t>> seeds = {};  // of an interpolation of noise
  std::optional<int64_t> frames = {};                       // pictures of an interpolation
  bool exact_inversion = true;  // by a fixed point, several network calls a step; else as DDIM
  std::string mask = {};        // images; white where the image is kept
  std::optional<int64_t> jump_length = {};
  std::optional<int64_t> jump_samples = {};
  double strength = 0.6;
  int64_t repeats = 1;
  bool fit = false;   // bring images of another size or colour to the model's
  int64_t strip = 0;  // pictures of a strip
};

/// The two parts of a text "A,B" that names the ends of an interpolation. `UserError` if there are
/// not two.
std::pair<std::string, std::string> interpolated_ends(const std::string& text);

}  // namespace ddpm
