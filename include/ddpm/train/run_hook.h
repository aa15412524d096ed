#pragma once

#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/checkpoint/training_state.h"
#include "ddpm/config/config.h"
#include "ddpm/data/training_data.h"
#include "ddpm/train/decision.h"
#include "ddpm/train/objective.h"
#include "ddpm/train/preview.h"
#include "ddpm/train/step_meter.h"
#include "ddpm/train/time_budget.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// What a hook sees of the run.
struct RunView {
  const Config& config;
  const TrainingData& data;
  RunFolder& folder;
  TrainingState& state;
  TrainingModel& model;
  const Objective& objective;
  StepMeter& meter;
  const TimeBudget& budget;
};

/// Something that is done now and then between the steps of a run, by the leader of its ranks.
class RunHook {
 public:
  virtual ~RunHook() = default;

  /// Whether it has something to do after this step.
  virtual bool due(const Decision& now) const = 0;

  /// Does it. All steps so far are counted.
  virtual void run(RunView& view) = 0;

  /// What it draws, to be planned for.
  virtual Preview preview() const { return {}; }
};

}  // namespace ddpm
