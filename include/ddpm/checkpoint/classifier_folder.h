#pragma once

#include <filesystem>

#include "ddpm/config/config.h"
#include "ddpm/model/classifier.h"
#include "ddpm/model/flat_parameters.h"

namespace ddpm {

/// The sub-folder of a checkpoint that holds a classifier.
inline constexpr const char* kClassifierPart = "classifier";

/// A noise-conditioned classifier as a checkpoint folder holds it: `classifier/config.json` and
/// `classifier/model.safetensors`, and `scheduler/` for the noise that it knows.
struct ClassifierFolder {
  std::filesystem::path path;
  ModelConfig model;
  ClassifierConfig options;
  DiffusionConfig diffusion;
  NamedTensors weights;
};

/// Whether a checkpoint folder holds a classifier.
bool holds_classifier(const std::filesystem::path& path);

/// The file of the (averaged) weights.
std::filesystem::path classifier_weights_file(const std::filesystem::path& path);

/// Opens a checkpoint of a classifier. `CheckpointError` naming the file that is missing or wrong,
/// or saying that it is a denoising model.
ClassifierFolder load_classifier_folder(const std::filesystem::path& path);

/// The network of `folder` with its weights, float32, on `device`, in eval mode.
Classifier load_classifier(const ClassifierFolder& folder, torch::Device device);

/// Writes the classifier into the existing folder `path`.
void save_classifier_folder(const std::filesystem::path& path, const Config& config,
                            const NamedTensors& weights);

}  // namespace ddpm
