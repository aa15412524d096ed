#pragma once

namespace ddpm {

/// Why a training session ended: all steps are done, its time is up, or someone asked for a stop.
enum class RunEnd { kFinished, kTimeUp, kStopped };

}  // namespace ddpm
