#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "ddpm/app/runtime_request.h"
#include "ddpm/config/setting_overrides.h"
#include "ddpm/data/dataset.h"
#include "ddpm/train/run_end.h"

namespace ddpm {

/// What someone wants trained.
struct TrainRequest {
  RuntimeRequest runtime;
  SettingOverrides settings;
  std::shared_ptr<const Dataset> dataset;  // images of one's own; null: those of the section data
  std::filesystem::path
      config;  // a settings file; empty: as the run to go on with, or the defaults
  std::filesystem::path init_from;   // a model whose network and weights a new run begins with
  std::filesystem::path run;         // the run's folder
  double max_minutes = 0.0;          // of this session; 0: as `settings` or `config` say
  bool resume = false;               // go on from the run's newest checkpoint, if there is one
  bool accept_changed_data = false;  // go on although the images are no longer the run's
  bool check_data = false;           // decode all images first and name every broken file
};

/// How a training session ended.
struct TrainResult {
  RunEnd end = RunEnd::kFinished;
  std::filesystem::path checkpoint;     // the run's newest
  int64_t step = 0;                     // of it
  std::optional<double> test_accuracy;  // of a classifier that has come to its end
};

/// Trains one session: plan, lock, checks, then steps until the run's end, the time's, or a stop.
/// What is read of a run does not change on the way, and nothing is touched before all is checked.
/// `begin` is called when that is done and work begins, which a stop ends early. `StopRequested` if
/// the stop comes before the first step; `UserError` and its kin otherwise. `kept` is called before
/// an error that ends the steps is thrown, if there is a checkpoint of the last whole one: the run
/// can go on from there once the error is mended.
TrainResult train(
    const TrainRequest& request, const std::function<void()>& begin = [] {},
    const std::function<void(int64_t step)>& kept = [](int64_t /*step*/) {});

}  // namespace ddpm
