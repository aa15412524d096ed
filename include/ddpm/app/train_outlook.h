#pragma once

#include <string>
#include <vector>

#include "ddpm/app/train_plan.h"

namespace ddpm {

/// What a fresh run comes to if a step takes so long.
struct TrainOutlook {
  double steps = 0.0;
  double seconds = 0.0;
  double images = 0.0;
  double passes = 0.0;  // over the data
};

TrainOutlook outlook_of(const TrainPlan& plan, double seconds_per_step);

/// The same for people, in a line.
std::string outlook_line(const TrainPlan& plan, double seconds_per_step);

/// What to do about a run of a minute or more that sees too few images for its network; empty if it
/// sees enough: one for 50 parameters. With so many the nets of docs/recipe.md begin to draw well
/// (0.97 million parameters, 21,760 images); with six times as many they are good.
std::string outlook_warning(const TrainPlan& plan, double seconds_per_step);

}  // namespace ddpm
