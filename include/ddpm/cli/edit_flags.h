#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace ddpm {

/// What `ddpm sample` does besides plain drawing.
enum class EditMode { kNone, kInterpolate, kInvert, kInpaint, kInit, kStrip };

/// The flags of editing, as typed.
struct EditFlags {
  std::string interpolate;
  std::optional<int64_t> frames;
  std::string invert;
  std::optional<std::string> inversion;
  std::string inpaint;
  std::string mask;
  std::optional<int64_t> jump_length;
  std::optional<int64_t> jump_samples;
  std::string init;
  std::optional<double> strength;
  std::optional<int64_t> repeats;
  bool fit = false;
  std::optional<int64_t> strip;

  /// Of flags that `check_edit_flags` let pass.
  EditMode mode() const;
};

void add_edit_flags(CLI::App& command, EditFlags& flags);

/// Flags of `ddpm sample` that do not go with all of these.
struct OtherFlags {
  bool noise = false;            // --noise is given
  std::optional<int64_t> count;  // -n
  bool out_holds_noise = true;   // --out is none, .png or .npy
};

/// `UserError` for flags that do not go together or have no such value. Looks at nothing but them.
void check_edit_flags(const EditFlags& flags, const OtherFlags& others);

/// "--invert", for messages; "" for none.
std::string flag_of(EditMode mode);

/// The two numbers of `--interpolate 3,17`; none if it names two files.
std::optional<std::pair<uint64_t, uint64_t>> interpolated_seeds(const std::string& text);

/// The two parts of `--interpolate A,B`. `UserError` if there are not two.
std::pair<std::string, std::string> interpolated_ends(const std::string& text);

}  // namespace ddpm
