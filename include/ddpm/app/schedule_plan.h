#pragma once

#include <string>
#include <vector>

#include "ddpm/app/schedule_request.h"
#include "ddpm/report/schedule_picture.h"

namespace ddpm {

/// The schedules that are asked for: a word each, then configs, then checkpoints; the default one
/// if there are none. Settings hold for all; several values of one give a schedule each. Names
/// differ. `UserError` and its kin for what is unknown or impossible, and for more than 28.
std::vector<NamedSchedule> plan_schedules(const ScheduleRequest& request);

/// The timesteps of a text "0,100,250". `UserError` if they are no rising list of whole numbers.
std::vector<int64_t> parse_timesteps(const std::string& text);

}  // namespace ddpm
