#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ddpm/app/sample.h"

namespace CLI {
class App;
}

namespace ddpm {

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
};

void add_edit_flags(CLI::App& command, EditFlags& flags);

/// What the flags ask for. `UserError` for some that do not go together, or not with the rest of
/// `request`, or have no such value. Looks at nothing but them.
EditRequest edit_request(const EditFlags& flags, const SampleRequest& request);

}  // namespace ddpm
