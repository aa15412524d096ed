#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/runtime/work_graph.h"

namespace ddpm {

/// Where the weights of Inception are looked for without `--features`: `$DDPM_INCEPTION`, else
/// `inception-2015-12-05.safetensors` in the cache folder.
std::filesystem::path inception_file();

/// The feature network of `--features` ("inception:FILE", "classifier:CHECKPOINT"). Without it
/// Inception if its weights are there, else the classifier of the data (`data_classifier`), and a
/// line that says how to get a FID.
std::unique_ptr<FeatureNetwork> choose_features(const std::string& given, const std::string& resize,
                                                const std::optional<DataConfig>& data,
                                                torch::Device device);

/// The classes of the classifier that `--features classifier:CHECKPOINT` gives; empty if they have
/// numbers only, or it gives none.
std::vector<std::string> given_classifier_names(const std::string& given);

/// A classifier of the training images that `data` names, as a feature network. Trained on first
/// use, in the minutes that its recipe says, and kept in the user's cache; an interrupted training
/// goes on. `UserError` that says how to do without if the images have no classes. `StopRequested`.
std::unique_ptr<FeatureNetwork> data_classifier(const DataConfig& data, torch::Device device);

}  // namespace ddpm
