#pragma once

#include <cstdint>

#include "ddpm/app/train_plan.h"
#include "ddpm/train/operator_profile.h"

namespace ddpm {

/// Takes some steps without a run folder and tells where their time goes.
TrainingProfile profile(const TrainRequest& request, int64_t steps);

}  // namespace ddpm
