#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/app/train.h"
#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/training_data.h"
#include "ddpm/model/cost.h"
#include "ddpm/train/starting_weights.h"

namespace ddpm {

/// Everything a run needs, resolved before anything is written.
struct TrainPlan {
  Config config;
  std::shared_ptr<const Dataset> dataset;
  std::shared_ptr<const TrainingData> data;    // the dataset as the network sees it
  bool own_dataset = false;                    // it is none that the section data names
  std::vector<std::string> broken_files = {};  // what is wrong with each, if all were looked at
  std::filesystem::path run;
  StartingWeights start;                       // of a fresh start from a model
  std::filesystem::path checkpoint;            // to go on from; empty for a fresh start
  std::vector<std::filesystem::path> damaged;  // newer ones that it cannot go on from
  torch::Device device = torch::kCPU;
  bool cuda_graph = true;
  bool cudnn_autotune = false;
  int64_t parameters = 0;
  Cost cost;
};

/// Whether a run's folder is to be trained in, or only looked at.
enum class RunUse { kTrain, kLook };

/// The settings of the request's file, else of `checkpoint`, else the defaults for a dataset of
/// one's own, with those given over them. `UserError` if there is none of these.
Config resolve_settings(const TrainRequest& request, const std::filesystem::path& checkpoint);

/// Finds and checks all that the run needs; touches nothing. Says on the log what changes on resume
/// and which checkpoints are damaged. An error of the kind of what is wrong.
TrainPlan plan_training(const TrainRequest& request, RunUse use);

/// The memory that training is expected to take, in bytes (see `estimate_training_bytes`).
int64_t memory_bytes(const TrainPlan& plan);

/// Says on the log what of the data may not be as its owner means it.
void tell_data_warnings(const TrainPlan& plan);

/// What the run will do, for programs.
nlohmann::json to_json(const TrainPlan& plan);

/// What the run will do, a line a subject, for people.
std::vector<std::string> plan_lines(const TrainPlan& plan);

}  // namespace ddpm
