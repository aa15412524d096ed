#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/app/evaluate.h"
#include "ddpm/app/opened_model.h"
#include "ddpm/config/config.h"
#include "ddpm/eval/bits_per_dim.h"
#include "ddpm/eval/evaluation.h"

namespace ddpm {

/// Where an evaluation's parts go; empty paths for what is not wanted.
struct EvalOutputs {
  std::filesystem::path result;  // given by a person; empty: a free name in the run's folder
  std::filesystem::path images;
  std::filesystem::path statistics;  // of the reference
};

/// One evaluation, resolved and checked: nothing a person can get wrong is left for later, but for
/// what only the images can tell.
struct EvalPlan {
  EvaluationOptions options;   // with `spare_metrics` all metrics, of which some may fall away
  bool spare_metrics = false;  // leave out what cannot be had instead of failing
  std::shared_ptr<const OpenedModel> model;  // that draws images or tells bits; may be null
  SampleConfig sample;                       // how it draws
  std::filesystem::path checkpoint;          // the model's, or whose data are used; may be empty
  std::filesystem::path run;                 // of the checkpoint; empty for a folder that is no run
  std::optional<DataConfig> data;            // of the checkpoint's run, or of overrides
  bool as_stored = true;                     // given images are scored in the size they have
  std::string images;                        // a split, a folder, .npz, .npy or .zip; empty: drawn
  std::vector<int64_t> labels;               // of the images to draw
  std::string classes;                       // whose these are, for people: "3,shirt"
  int64_t count = 0;                         // to draw; of given images at most so many
  int64_t batch_size = 64;
  std::string reference;                            // a split, a folder, .npz, .npy or .zip
  std::shared_ptr<const Dataset> reference_images;  // someone's own; null: those of `reference`
  std::string features;                             // see `choose_features`
  std::string resize;                               // likewise
  bool bounds = true;  // whether distances of test images and of noise are measured
  int64_t bits_images = 0;
  BitsPerDimOptions bits;
  EvalOutputs out;
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kFloat32;
  bool cuda_graph = true;
  bool cudnn_autotune = false;

  bool draws() const { return images.empty(); }
  uint64_t seed() const { return options.seed; }
};

/// Finds the model and its data and checks the request against them. Writes nothing. `UserError`
/// and its kin for whatever does not fit.
EvalPlan plan_evaluation(const EvalRequest& request, ModelCache& models);

/// The identity of all that an image of the plan's model depends on, but its class and seed: a text
/// for caches.
std::string model_identity(const EvalPlan& plan);

/// The plan's options for these of its metrics.
EvaluationOptions options_for(const EvalPlan& plan, const MetricSelection& metrics);

/// Whether a word means a split of the dataset.
bool is_split(const std::string& word);

}  // namespace ddpm
