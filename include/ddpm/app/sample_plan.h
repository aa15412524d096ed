#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/app/edit_plan.h"
#include "ddpm/app/sample.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/config/config.h"

namespace ddpm {

/// What is to be drawn, resolved and checked: nothing a person can get wrong is left for later.
struct SamplePlan {
  std::filesystem::path checkpoint;
  std::filesystem::path run;  // empty for a folder that is no run
  ModelFolder pipeline;       // with the sampling settings of this plan
  EditPlan edit;
  std::optional<ModelFolder> weaker;      // to guide away from
  std::optional<ModelFolder> classifier;  // guides towards the labels
  double classifier_scale = 1.0;
  bool all_classes = true;  // the labels are all classes in turn
  std::vector<int64_t> labels;
  torch::Tensor noise;  // all initial noise, undefined if drawn from seeds
  int64_t count = 0;
  int64_t batch_size = 64;
  uint64_t seed = 0;
  std::filesystem::path out;  // empty if `on_images` takes them
  std::function<void(const torch::Tensor& images)> on_images;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFloat32;
  bool cuda_graph = true;
  bool cudnn_autotune = false;
  StopToken stop;

  /// Whose classes the labels are: the model's, or if it has none the classifier's.
  const Signature& classes() const {
    const auto& own = pipeline.network.signature;
    return classifier && own.classes == 0 ? classifier->network.signature : own;
  }
};

/// Finds the model, reads it and checks the request against it. Writes nothing. `UserError` and its
/// kin for whatever does not fit.
SamplePlan plan_sampling(const SampleRequest& request);

}  // namespace ddpm
