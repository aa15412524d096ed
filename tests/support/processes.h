#pragma once

#include "ddpm/diffusion/process.h"

namespace ddpm {

/// A process of this type with the settings that it has by default.
inline ProcessPtr process_of(ProcessType type) {
  DiffusionConfig diffusion;
  diffusion.process = type;
  return make_process(diffusion);
}

}  // namespace ddpm
