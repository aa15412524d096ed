#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/app/edit_request.h"
#include "ddpm/app/runtime_request.h"
#include "ddpm/config/setting_overrides.h"

namespace ddpm {

/// What someone wants drawn.
struct SampleRequest {
  RuntimeRequest runtime;
  SettingOverrides settings;  // of the section sample
  EditRequest edit;
  std::string checkpoint;              // empty: the newest run's
  std::optional<std::string> classes;  // names or numbers with commas; none: all in turn
  std::string out;                     // empty: a free name in the run's folder samples
  std::string noise;                   // a .npy file to start from instead of the seeds
  std::string classifier;              // a checkpoint whose gradient guides
  double classifier_scale = 1.0;
  std::optional<std::string> negative_class;
  std::string guide_with;        // a checkpoint of a weaker model to guide away from
  std::optional<int64_t> count;  // none: 64, or as many as there are of `noise` or to edit
  std::vector<int64_t> size;     // {height, width} of the images; empty: the model's own
  int64_t batch_size = 64;
  uint64_t seed = 0;  // image i has seed + i
  /// Takes the images, [N, C, H, W] float32 in [-1, 1], the next N; then no file is written.
  std::function<void(const torch::Tensor& images)> on_images;
};

/// What has been drawn.
struct SampleResult {
  int64_t done = 0;           // images, fewer than asked for if someone stopped it
  int64_t network_calls = 0;  // for each image, as counted
  std::filesystem::path out;  // where they are; empty if `on_images` took them
  std::optional<double> mse;  // between the images of an inversion and their reconstructions
};

/// Draws or edits images. `UserError` and its kin for what a person can mend.
SampleResult sample(const SampleRequest& request);

}  // namespace ddpm
