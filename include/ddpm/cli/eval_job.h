#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/config/config.h"
#include "ddpm/eval/evaluation.h"

namespace ddpm {

/// How bits per dimension are measured, as typed.
struct BitsFlags {
  std::string method = "auto";  // bound, ode; auto: bound where there is one
  int64_t images = 1000;
  int64_t draws = 20;  // steps of the chain an image; 0: all
};

/// What a person asked `ddpm eval` for, as typed.
struct EvalFlags {
  CommonFlags common;
  SettingFlags settings;  // of the sections data and sample
  MetricSelection metrics;
  bool all = false;
  BitsFlags bits;
  std::string checkpoint;
  std::string images;  // "train", "test", a folder or an .npz; empty: drawn from the checkpoint
  std::optional<std::string> classes;
  std::optional<int64_t> count;
  int64_t batch_size = 64;
  uint64_t seed = 0;
  std::string reference = "train";  // "test", a folder or an .npz
  std::string features;             // inception:FILE, classifier:CHECKPOINT; empty: what is there
  std::string resize = "tf1";
  int64_t nearest = 3;
  int64_t kid_subsets = 100;
  int64_t kid_subset_size = 1000;
  bool no_bounds = false;
  std::string save_stats;
  std::string save_images;
  std::string out;
  std::vector<std::string> sweeps;  // SETTING=A,B,...
};

/// The same, settled and checked: nothing a person can get wrong is left for later, but for what
/// only the images can tell.
struct EvalJob {
  EvaluationOptions options;         // with --all of every metric, of which some may fall away
  std::filesystem::path checkpoint;  // empty where none is needed
  std::filesystem::path run;         // empty for a folder that is no run
  std::optional<PipelineFolder> pipeline;  // the model, if it draws images or tells bits
  std::string weights_hash;                // of the model's
  std::optional<DataConfig> data;          // of the checkpoint's run, or of flags
  std::vector<int64_t> labels;             // of the images to draw
  int64_t count = 0;                       // to draw; of given images at most so many
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFloat32;
};

/// Finds the model and its data and checks the flags against them. Writes nothing. `UserError` and
/// its kin for whatever does not fit.
EvalJob make_eval_job(const EvalFlags& flags);

/// Weights and settings that an image of the job's model depends on, but its class and seed: a text
/// for caches.
std::string model_identity(const EvalJob& job);

/// The job's options for these of its metrics.
EvaluationOptions options_for(const EvalJob& job, const MetricSelection& metrics);

/// The split of the dataset that a word means, if it means one.
bool is_split(const std::string& word);

}  // namespace ddpm
