#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/classifier_folder.h"
#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/edit_flags.h"
#include "ddpm/cli/edit_job.h"
#include "ddpm/config/config.h"

namespace ddpm {

/// What a person asked `ddpm sample` for, as typed.
struct SampleFlags {
  CommonFlags common;
  SettingFlags settings;
  EditFlags edit;
  std::string checkpoint;
  std::optional<std::string> classes;
  std::string out;
  std::string noise;
  std::string classifier;
  double classifier_scale = 1.0;
  std::optional<std::string> negative_class;
  std::string guide_with;
  std::optional<int64_t> count;
  int64_t batch_size = 64;
  uint64_t seed = 0;
};

/// The same, settled and checked: nothing a person can get wrong is left for later.
struct SampleJob {
  std::filesystem::path checkpoint;
  std::filesystem::path run;  // empty for a folder that is no run
  PipelineFolder pipeline;
  EditJob edit;
  std::optional<PipelineFolder> weaker;        // to guide away from
  std::optional<ClassifierFolder> classifier;  // guides towards the labels
  std::vector<int64_t> labels;
  torch::Tensor noise;  // all initial noise, undefined if drawn from seeds
  int64_t count = 0;
  std::filesystem::path out;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFloat32;

  /// Whose classes the labels are: the model's, or if it has none the classifier's.
  const ModelConfig& classes() const {
    return classifier && !pipeline.model.num_class_embeds ? classifier->model : pipeline.model;
  }
};

/// Finds the model, reads it and checks the flags against it. Writes nothing. `UserError` and its
/// kin for whatever does not fit.
SampleJob make_sample_job(const SampleFlags& flags);

}  // namespace ddpm
