#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/cli/command_line.h"
#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/model/cost.h"

namespace ddpm {

/// What was typed.
struct TrainFlags {
  CommonFlags common;
  SettingFlags settings;
  std::string config;
  std::string run;
  std::string max_time;
  bool resume = false;
  bool dry_run = false;
  bool print_config = false;
  int64_t profile_steps = 0;
};

/// Everything a run needs, settled before anything is written.
struct TrainJob {
  Config config;
  std::unique_ptr<Dataset> dataset;
  std::filesystem::path run;
  std::filesystem::path checkpoint;            // to go on from; empty for a fresh start
  std::vector<std::filesystem::path> damaged;  // newer ones that it cannot go on from
  torch::Device device = torch::kCPU;
  int64_t parameters = 0;
  Cost cost;
};

/// Where the run goes: as told, or runs/NAME of the config file, or with --resume the newest run.
/// `UserError` if none of these is given.
std::filesystem::path run_path(const TrainFlags& flags);

/// The settings of the config file, else of `checkpoint`, with those typed over them. `UserError`
/// if there is neither.
Config settings_of(const TrainFlags& flags, const std::filesystem::path& checkpoint);

/// Finds and checks all that the run needs; touches nothing. Says on the log what changes on resume
/// and which checkpoints are damaged. An error of the kind of what is wrong.
TrainJob make_train_job(const TrainFlags& flags);

/// What the run will do, for people.
std::vector<std::string> plan_lines(const TrainJob& job);

/// Prints it on stdout with all settings, or as one JSON object.
void show_plan(const TrainJob& job, bool as_json);

}  // namespace ddpm
