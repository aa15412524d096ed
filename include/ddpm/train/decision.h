#pragma once

#include <cstdint>

#include "ddpm/runtime/ranks.h"
#include "ddpm/train/learning_rate.h"

namespace ddpm {

/// What is done after a step: the same at all ranks, once they have agreed on it.
struct Decision {
  int64_t step = 0;             // steps done
  bool finished = false;        // all of them are
  bool stop = false;            // someone has asked for it
  bool time_up = false;         // and steps are left
  bool save = false;            // a checkpoint is due
  bool save_asked = false;      // someone has asked for a checkpoint
  bool hooks = false;           // a hook is due
  bool evaluation_due = false;  // at this step: someone has asked for a stop in it
  DecayPlan decay = {};
};

/// Makes one decision of all ranks' own: what one of them wants is done, but the decay is the
/// leader's. `step` and `finished` must be the same everywhere.
Decision agree(Ranks& ranks, Decision own);

}  // namespace ddpm
